"""One patient's course over the API."""

from datetime import date

import pytest

from mammotrack.accounts.models import Role
from mammotrack.audit import spool
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_decision, make_recommendation
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.factories.scans import make_mammogram, make_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


def test_D1_events_stand_by_when_they_happened(clinic):
    patient = make_patient(clinic)
    late = make_mammogram(patient, exam_date=date(2024, 5, 2))
    course = make_course(patient, start_date=date(2024, 1, 10), end_date=date(2024, 6, 1))
    make_cycle(course, 3, given_date=date(2024, 2, 21))
    make_pathology(patient, report_date=date(2024, 1, 3))
    early = make_mammogram(patient, exam_date=date(2024, 1, 2))

    program = Program(make_user(Role.DOCTOR, clinics=[clinic]))
    events = program.get(f"/patients/{patient.pk}/timeline/").json()["events"]

    assert [(event["date"], event["event"]) for event in events] == [
        ("2024-01-02", "mammogram"),
        ("2024-01-03", "pathology_report"),
        ("2024-01-10", "therapy_started"),
        ("2024-02-21", "cycle"),
        ("2024-05-02", "mammogram"),
        ("2024-06-01", "therapy_ended"),
    ]
    assert events[3]["label"] == "AC-T 3"
    assert [event["id"] for event in events if event["event"] == "mammogram"] == [
        str(early.pk),
        str(late.pk),
    ]


def test_D1_proposals_and_decisions_stand_in_it(clinic):
    patient = make_patient(clinic)
    prior, current = make_pair(patient)
    decision = make_decision(make_recommendation(prior=prior, current=current))

    program = Program(make_user(Role.DOCTOR, clinics=[clinic]))
    events = program.get(f"/patients/{patient.pk}/timeline/").json()["events"]

    kinds = [event["event"] for event in events]
    assert kinds == ["mammogram", "mammogram", "recommendation", "decision"]
    assert events[-1]["id"] == str(decision.pk)


@pytest.mark.parametrize("missing", ["patients:read", "scans:read", "recommendations:read"])
def test_I2_a_key_reads_it_only_with_the_scope_of_each_part(clinic, missing):
    scopes = {"patients:read", "scans:read", "recommendations:read"} - {missing}
    program = Program(make_user(Role.DOCTOR, clinics=[clinic]), scopes=scopes)

    answer = program.get(f"/patients/{make_patient(clinic).pk}/timeline/")

    document = assert_problem(answer, 403, "insufficient_scope")
    assert document["context"] == {"needed": missing}


def test_A4_who_opened_a_record_is_told_to_who_watches(clinic):
    patient = make_patient(clinic)
    doctor = make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Ines Prado")
    Program(doctor).get(f"/patients/{patient.pk}/")
    spool.drain()
    watcher = Program(make_user(Role.ADMIN, clinics=[clinic]))
    stranger = Program(make_user(Role.ADMIN, clinics=[make_clinic()]))

    told = watcher.get(f"/patients/{patient.pk}/accesses/").json()

    assert [(row["actor"], row["view"], row["auth"]) for row in told["results"]] == [
        ("Dr. Ines Prado", "api:patient-detail", "token")
    ]
    assert told["more"] is False
    assert stranger.get(f"/patients/{patient.pk}/accesses/").json()["results"] == []
    assert_problem(Program(doctor).get(f"/patients/{patient.pk}/accesses/"), 403, "forbidden")
