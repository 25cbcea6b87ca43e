"""One sentence for each thing that is wrong with the machine."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DEFAULT_DB_ALIAS, connections
from pymongo import MongoClient
from pytest_django import Settings

from mammotrack import checks
from mammotrack.embedded import find_mongod

NOBODY = "mongodb://127.0.0.1:9/"  # the discard port, where nobody listens


def found(messages: list[CheckMessage]) -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in messages]


def database_problems() -> list[tuple[str | None, str]]:
    return found(checks.check_database(databases=[DEFAULT_DB_ALIAS]))


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    """Sets the address of the database, as MONGODB_URI does."""
    settings.MONGODB_EMBEDDED = False
    return lambda uri: monkeypatch.setitem(connections.settings[DEFAULT_DB_ALIAS], "HOST", uri)


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("standalone")
    socket = folder / "mongodb-27017.sock"
    command = [find_mongod(), "--dbpath", folder, "--bind_ip", socket]
    command += ["--unixSocketPrefix", folder, "--logpath", folder / "log"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        uri = f"mongodb://{quote_plus(str(socket))}/"
        with MongoClient(uri) as client:
            client.admin.command("ping")  # pymongo waits until it answers
        yield uri
        server.terminate()


class TestDatabase:
    def test_good_server(self, mongo_server: str, address) -> None:
        address(mongo_server)
        assert database_problems() == []

    def test_nobody_there(self, address) -> None:
        address(NOBODY)
        started = time.monotonic()
        assert database_problems() == [
            ("mammotrack.E001", "No MongoDB server answers at 127.0.0.1:9: see MONGODB_URI."),
        ]
        assert time.monotonic() - started < 3

    def test_embedded_server_not_running(self, address, settings: Settings) -> None:
        settings.MONGODB_EMBEDDED = True
        address("mongodb://%2Fnowhere%2Fmongodb-27017.sock/")
        assert database_problems() == [
            (
                "mammotrack.E001",
                "The embedded MongoDB server is not running: start it with `manage.py serve`, or "
                "for one command with `python -m mammotrack.embedded COMMAND`.",
            ),
        ]

    def test_standalone_server(self, standalone: str, address) -> None:
        address(standalone)
        ((number, sentence),) = database_problems()
        assert number == "mammotrack.E003"
        assert sentence.endswith(
            "is a standalone server, which has no transactions: make it a replica set "
            "(one member is enough)."
        )

    def test_old_server(self, mongo_server: str, address, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "MINIMUM_SERVER", (99, 1))
        address(mongo_server)
        ((number, sentence),) = database_problems()
        assert number == "mammotrack.E004"
        assert sentence.endswith("is 6.0.5; 99.1 or later is needed.")

    def test_refused_user(self, standalone: str, address) -> None:
        address(standalone.replace("mongodb://", "mongodb://somebody:hidden-word@"))
        ((number, sentence),) = database_problems()
        assert number == "mammotrack.E002"
        assert sentence.endswith("refuses the user of MONGODB_URI.")
        assert "hidden-word" not in sentence

    @pytest.mark.parametrize(
        "uri", ["postgres://server/", "mongodb://user:hidden/word@server/", "mongodb://a:b:c/"]
    )
    def test_no_address(self, uri: str, address) -> None:
        address(uri)
        assert database_problems() == [
            ("mammotrack.E002", "MONGODB_URI is not an address of a MongoDB server."),
        ]

    def test_is_asked_only_when_the_database_is_checked(self, address) -> None:
        address(NOBODY)
        assert checks.check_database() == []

    @pytest.mark.parametrize(
        ("command", "options"), [("check", {}), ("migrate", {"skip_checks": False})]
    )
    def test_commands_end_with_the_sentence(
        self, command: str, options: dict[str, bool], address
    ) -> None:
        address(NOBODY)
        with pytest.raises(SystemCheckError) as raised:
            call_command(command, **options)
        assert "No MongoDB server answers at 127.0.0.1:9: see MONGODB_URI." in str(raised.value)


class TestStorage:
    def test_folder_that_can_be_made(self, settings: Settings, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path / "var" / "store"
        assert checks.check_storage() == []
        assert list(tmp_path.iterdir()) == []

    def test_file_in_its_place(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "var").touch()
        settings.MEDIA_ROOT = tmp_path / "var" / "store"
        assert found(checks.check_storage()) == [
            (
                "mammotrack.E005",
                f"Mammograms cannot be stored: {tmp_path}/var is not a writable folder.",
            ),
        ]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_folder_without_permission(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir(mode=0o500)
        settings.MEDIA_ROOT = tmp_path / "store"
        assert [number for number, _ in found(checks.check_storage())] == ["mammotrack.E005"]
