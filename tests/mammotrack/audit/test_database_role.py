"""The application runs as a database user that can append to the trail and not touch it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from mammotrack.embedded import EmbeddedMongo, find_mongod, uri_for
from tests.platform import START_S, wait_until

DATABASE = "clinic"
TRAIL = ("audit_auditentry", "audit_auditdetail", "audit_auditanchor")
UNAUTHORIZED = 13

# A day at the clinic, as the application does it: people, a record, a read, an anchor, a check.
WORK = """
from datetime import date
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from mammotrack.accounts.models import Clinic, Membership, User
from mammotrack.audit import anchors, spool
from patients import services

clinic = Clinic.objects.create(name="North")
doctor = User.objects.create_user("eva", "three grey herons", full_name="Eva", role="DOCTOR")
Membership.objects.create(user=doctor, clinic=clinic)
patient = services.register_patient(clinic_id=clinic.pk, medical_record_number="7",
    family_name="Okafor", given_name="Ada", birth_date=date(1970, 5, 17), sex="F",
    registered_by=doctor)
services.update_patient(patient, expected_version=1, changed_by=doctor, given_name="Eva")
browser = Client()
browser.force_login(doctor)
assert browser.get(f"/api/v1/patients/{patient.pk}/").status_code == 200
browser.post("/sign-out/")
assert spool.drain() == 3
assert anchors.anchor_all() == 2
call_command("audit_verify")
"""


class GuardedServer:
    """A replica set of one that asks for a password, with its owner and the application's user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.anybody = uri_for(folder)

    def uri(self, user: str, *, source: str) -> str:
        address = self.anybody.removeprefix("mongodb://")
        return f"mongodb://{user}:secret@{address}&authSource={source}"

    def run(self, *command: str, uri: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
            "MONGODB_URI": uri,
            "MONGODB_DATABASE": DATABASE,
            "MAMMOTRACK_VAR_DIR": str(self.folder / "var"),
            "MFA_REQUIRED": "false",
            "HTTPS_ONLY": "false",
            "ALLOWED_HOSTS": "testserver",
        }
        return subprocess.run(
            [sys.executable, *command],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    folder = tmp_path_factory.mktemp("guarded")
    with EmbeddedMongo(folder) as open_to_all, MongoClient(open_to_all.uri) as client:
        client.admin.command("createUser", "owner", pwd="secret", roles=["root"])
    key = folder / "key"
    key.write_text("of the members of the replica set")
    key.chmod(0o400)
    socket = folder / "run" / "mongodb-27017.sock"
    command = [find_mongod(), "--dbpath", folder / "db", "--replSet", "mammotrack", "--quiet"]
    command += ["--bind_ip", socket, "--unixSocketPrefix", socket.parent, "--keyFile", key]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        guarded = GuardedServer(folder)
        with MongoClient(guarded.anybody) as client:
            wait_until(lambda: client.admin.command("hello")["isWritablePrimary"], within_s=START_S)
        yield guarded
        process.terminate()


@pytest.fixture(scope="module")
def as_application(server: GuardedServer) -> Iterator[MongoClient]:
    """What docs/audit.md tells the owner to do, then the day's work as the other user."""
    owner = server.uri("owner", source="admin")
    for command in ("migrate", "database_role", "database_role"):
        done = server.run("manage.py", command, uri=owner)
        assert done.returncode == 0, done.stderr
    with MongoClient(owner) as client:
        client[DATABASE].command("createUser", "application", pwd="secret", roles=["mammotrack"])
    application = server.uri("application", source=DATABASE)
    worked = server.run("-c", WORK, uri=application)
    assert worked.returncode == 0, worked.stdout + worked.stderr
    with MongoClient(application) as client:
        yield client


@pytest.mark.slow
def test_R08_the_application_works_and_cannot_change_its_trail(as_application):
    database = as_application[DATABASE]
    before = {name: list(database[name].find()) for name in TRAIL}

    for name in TRAIL:
        rows = database[name]
        for attempt in (
            lambda rows=rows: rows.update_one({}, {"$set": {"role": "ADMIN"}}),
            lambda rows=rows: rows.replace_one({}, {}, upsert=True),
            lambda rows=rows: rows.find_one_and_update({}, {"$set": {"role": ""}}),
            lambda rows=rows: rows.delete_one({}),
            lambda rows=rows: rows.delete_many({}),
            lambda rows=rows: rows.drop(),
            lambda rows=rows: rows.rename("elsewhere"),
            lambda rows=rows: rows.drop_indexes(),
            lambda rows=rows: list(database["patients_patient"].aggregate([{"$out": rows.name}])),
        ):
            with pytest.raises(OperationFailure) as refusal:
                attempt()
            assert refusal.value.code == UNAUTHORIZED

    assert {name: list(database[name].find()) for name in TRAIL} == before
    assert all(before.values())


def test_R08_nor_give_itself_the_right(as_application):
    database = as_application[DATABASE]
    for command in (
        {"dropDatabase": 1},
        {"updateRole": "mammotrack", "roles": ["dbOwner"]},
        {"grantRolesToUser": "application", "roles": ["dbOwner"]},
        {"createUser": "other", "pwd": "secret", "roles": ["dbOwner"]},
        {"collMod": "audit_auditentry", "validator": {}},
    ):
        with pytest.raises(OperationFailure) as refusal:
            database.command(command)
        assert refusal.value.code == UNAUTHORIZED, command


def test_R08_the_server_starts_with_nothing_to_migrate(server, as_application):
    application = server.uri("application", source=DATABASE)
    for command in (["migrate"], ["check", "--database", "default"]):
        done = server.run("manage.py", *command, uri=application)
        assert done.returncode == 0, done.stderr
    refused = server.run("manage.py", "database_role", uri=application)
    assert (refused.returncode, "MongoDB refuses" in refused.stderr) == (1, True)
