"""Entries stand or fall with what they are about; reads are on disk before their answer leaves."""

import subprocess
import sys
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection

from analysis.models import Decision, Recommendation
from analysis.services.decisions import sign_decision
from benchmarks.audit import append
from mammotrack.accounts.models import Role
from mammotrack.audit import spool
from mammotrack.audit.chain import AuditUnavailable, collection
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.audit.selectors import private_values
from mammotrack.audit.services import record
from mammotrack.audit.verify import Kind, verify
from mammotrack.db import atomic
from mammotrack.models import now
from patients.models import Patient
from patients.services import update_patient
from tests.api import Program, assert_problem
from tests.audit import entries, reads
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair
from tests.mongo import fail_point
from tests.web import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, APPENDS = 8, 25


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def broken_trail(mongo_server):
    """The collection of the entries takes nothing; everything else works."""
    namespace = f"{connection.settings_dict['NAME']}.{AuditEntry._meta.db_table}"
    with fail_point(
        mongo_server,
        "failCommand",
        mode={"times": 100},
        failCommands=["insert"],
        namespace=namespace,
        errorCode=13,
    ):
        yield


def test_R07_writers_at_the_same_time_make_one_chain(clinic):
    failures = []

    def write():
        try:
            append(clinic.pk, APPENDS)
        except Exception as error:
            failures.append(error)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    report = verify(chain=str(clinic.pk))
    assert failures == []
    assert (report.is_intact, report.entries) == (True, WRITERS * APPENDS)


def test_R07_machines_at_the_same_time_make_one_chain(clinic, audit_dir, tmp_path):
    """Without the lock that writers of one machine share, the unique index decides."""
    keys = audit_dir / "mac_keys"
    append(clinic.pk, 1)
    program = "import django, sys, uuid; django.setup(); from benchmarks.audit import append;"
    program += "append(uuid.UUID(sys.argv[1]), 15)"
    machines = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "mac_keys").write_bytes(keys.read_bytes())
        environment = {
            "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
            "MONGODB_URI": connection.settings_dict["HOST"],
            "MONGODB_DATABASE": connection.settings_dict["NAME"],
            "MAMMOTRACK_VAR_DIR": str(folder),
            "MAMMOTRACK_AUDIT_DIR": str(folder),
        }
        command = [sys.executable, "-c", program, clinic.pk.hex]
        machines.append(subprocess.Popen(command, env=environment))

    assert [machine.wait() for machine in machines] == [0, 0, 0]
    report = verify(chain=str(clinic.pk))
    assert (report.is_intact, report.entries) == (True, 46)


def test_R09_A3_a_decision_whose_entry_cannot_be_written_is_not_signed(
    doctor, clinic, broken_trail
):
    prior, current = make_pair(make_patient(clinic))
    recommendation = make_recommendation(prior=prior, current=current)
    before = Recommendation.objects.values().get()

    with pytest.raises(AuditUnavailable):
        sign_decision(
            recommendation,
            choice="refer",
            reason="A new lump.",
            password=PASSWORD,
            signed_by=doctor,
        )

    assert Recommendation.objects.values().get() == before
    assert not Decision.objects.exists()


def test_R09_a_door_says_so(doctor, clinic, broken_trail):
    body = {
        "clinic": str(clinic.pk),
        "medical_record_number": "7",
        "family_name": "Okafor",
        "given_name": "Ada",
        "birth_date": "1970-05-17",
        "sex": "F",
    }

    answer = Program(doctor).post("/patients/", body)
    page = signed_in(doctor).post("/patients/new/", body | {"clinic_id": str(clinic.pk)})

    assert_problem(answer, 503, "audit_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert page.status_code == 503
    assert not Patient.objects.exists()


def test_an_entry_is_not_left_by_a_transaction_that_fails(clinic):
    with pytest.raises(RuntimeError), atomic():  # noqa: PT012
        record(Action.PATIENT_UPDATED, subject=clinic, clinic_id=clinic.pk, actor=None)
        raise RuntimeError

    assert entries() == []


def test_entries_of_two_clinics_in_one_transaction_go_to_two_chains(clinic):
    other = make_clinic()
    with atomic():
        for one in (clinic, other, clinic):
            record(Action.PATIENT_UPDATED, subject=one, clinic_id=one.pk, actor=None)

    assert sorted((entry.chain, entry.seq) for entry in entries()) == sorted(
        [(str(clinic.pk), 1), (str(clinic.pk), 2), (str(other.pk), 1)]
    )


def test_C10_a_clock_put_back_an_hour_changes_no_order(clinic, doctor):
    """Nor does it hide what was read meanwhile."""
    patient = make_patient(clinic)
    began = now()
    for hours in (0, -1, 1):
        with time_machine.travel(began + timedelta(hours=hours)):
            update_patient(
                patient,
                expected_version=Patient.objects.get().version,
                changed_by=doctor,
                given_name=f"Ada {hours}",
            )
            Program(doctor).get(f"/patients/{patient.pk}/")
            spool.drain()

    trail = AuditEntry.objects.filter(chain=str(clinic.pk)).order_by("seq")
    assert [entry.seq for entry in trail] == [1, 2, 3, 4, 5, 6]
    changes = [entry for entry in trail if entry.action == Action.PATIENT_UPDATED]
    assert [entry.object_version for entry in changes] == [2, 3, 4]
    times = [entry.created_at for entry in changes]
    assert times[1] < times[0] < times[2]
    assert {found.kind for found in verify(chain=str(clinic.pk)).findings} == {Kind.BACKLINK}


def test_A3_before_and_after_are_kept_sealed_and_not_in_the_chain(clinic, doctor):
    patient = make_patient(clinic, family_name="Okafor")

    update_patient(patient, expected_version=1, changed_by=doctor, family_name="Quisling")

    [entry] = entries(Action.PATIENT_UPDATED)
    assert entry.object_version == 2
    assert private_values(entry) == {"family_name": ["Okafor", "Quisling"]}
    assert "Quisling" not in str(collection(AuditEntry).find_one())


class TestReads:
    def test_a_read_waits_on_disk_when_the_database_takes_nothing(
        self, doctor, clinic, broken_trail, audit_dir
    ):
        patient = make_patient(clinic)

        answer = Program(doctor).get(f"/patients/{patient.pk}/")

        assert answer.status_code == 200
        assert patient.pk.hex in (audit_dir / "spool" / "waiting.jsonl").read_text()
        with pytest.raises(AuditUnavailable):
            spool.drain()
        assert not AuditEntry.objects.exists()

    def test_what_waited_is_chained_once_and_with_its_time(self, doctor, clinic, audit_dir):
        patient = make_patient(clinic)
        Program(doctor).get(f"/patients/{patient.pk}/")
        waiting = audit_dir / "spool" / "waiting.jsonl"
        content = waiting.read_text()

        assert spool.drain() == 1
        waiting.write_text(content)  # as after a crash between the commit and the removal
        assert spool.drain() == 0

        [entry] = AuditEntry.objects.all()
        assert entry.created_at.isoformat(timespec="milliseconds")[:23] in content
        assert (entry.role, entry.auth, entry.ip) == ("DOCTOR", "token", "127.0.0.1")
        assert entry.detail == {
            "view": "api:patient-detail",
            "method": "GET",
            "status": 200,
            "patients": [patient.pk.hex],
        }
        only = [finding.what for finding in verify(chain=str(clinic.pk)).findings]
        assert only == [f"patient {patient.pk.hex} has no entry patient.registered"]

    def test_a_torn_line_stops_nothing(self, doctor, clinic, audit_dir, caplog):
        Program(doctor).get(f"/patients/{make_patient(clinic).pk}/")
        waiting = audit_dir / "spool" / "waiting.jsonl"
        waiting.write_text(waiting.read_text() + '{"_id": "cut of')

        assert len(reads()) == 1
        assert "torn" in caplog.text

    def test_nothing_is_shown_that_cannot_be_written_down(self, doctor, clinic, audit_dir):
        patient = make_patient(clinic)
        (audit_dir / "spool" / "waiting.jsonl").mkdir(parents=True)

        answer = Program(doctor).get(f"/patients/{patient.pk}/")

        assert_problem(answer, 503, "audit_unavailable")
        assert patient.family_name not in answer.content.decode()

    def test_a_list_names_all_it_showed_by_clinic(self, doctor, clinic):
        ours = {make_patient(clinic).pk.hex for _ in range(3)}
        make_patient()

        Program(doctor).get("/patients/")

        [entry] = reads()
        assert (entry.clinic_id, entry.patient_id) == (clinic.pk, None)
        assert set(entry.detail["patients"]) == ours

    def test_a_change_is_not_a_read_besides(self, doctor, clinic):
        patient = make_patient(clinic)

        answer = Program(doctor).patch(
            f"/patients/{patient.pk}/", {"given_name": "Eva"}, headers={"If-Match": '"1"'}
        )

        assert answer.status_code == 200
        assert [entry.action for entry in entries()] == [Action.PATIENT_UPDATED]

    def test_sessions_leave_a_trace(self, clinic, client):
        user = make_user(Role.DOCTOR, username="eva")
        client.post("/sign-in/", {"login": "eva", "password": "wrong"})
        client.post("/sign-in/", {"login": "eva", "password": PASSWORD})
        client.post("/sign-out/")

        found = [(entry.action, entry.object_id) for entry in entries()]
        assert found == [
            (Action.SIGN_IN_REFUSED, None),
            (Action.SIGNED_IN, user.pk),
            (Action.SIGNED_OUT, user.pk),
        ]
        assert "wrong" not in str(list(collection(AuditEntry).find()))


def test_entries_are_only_appended(clinic):
    append(clinic.pk, 1)
    entry = AuditEntry.objects.get()

    for attempt in (
        entry.save,
        entry.delete,
        AuditEntry(pk=uuid4()).save,
        AuditEntry.objects.create,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(role=""),
        lambda: AuditEntry.objects.bulk_create([entry]),
    ):
        with pytest.raises(TypeError, match="only appended"):
            attempt()
