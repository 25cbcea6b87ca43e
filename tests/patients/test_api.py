"""Patients and their treatment over HTTP."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from mammotrack.models import now
from patients.models import Patient, TherapyCourse
from tests.api import Program, assert_problem
from tests.audit import reads
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def program(clinic):
    return Program(make_user(Role.DOCTOR, clinics=[clinic]))


@pytest.fixture
def stranger():
    """A doctor of another clinic."""
    return Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))


def registration(clinic, **fields):
    return {
        "clinic": str(clinic.pk),
        "medical_record_number": "MRN-7",
        "family_name": "Novak",
        "given_name": "Eva",
        "birth_date": "1968-03-02",
        "sex": "F",
    } | fields


def test_clinics_are_the_callers_own(clinic, program):
    make_clinic()

    assert program.get("/clinics/").json() == {
        "next": None,
        "results": [{"id": str(clinic.pk), "name": clinic.name}],
    }


def test_patient_is_registered_and_read_back(clinic, program):
    created = program.post("/patients/", registration(clinic))

    assert created.status_code == 201
    assert created.headers["ETag"] == '"1"'
    here = created.headers["Location"]
    assert here == f"/api/v1/patients/{created.json()['id']}/"
    patient = Patient.objects.get()
    assert created.json() == {
        "id": str(patient.pk),
        "clinic": str(clinic.pk),
        "medical_record_number": "MRN-7",
        "family_name": "Novak",
        "given_name": "Eva",
        "birth_date": "1968-03-02",
        "sex": "F",
        "phone": "",
        "deceased_date": None,
        "archived_at": None,
        "hold_reason": "",
        "version": 1,
        "created_at": patient.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    } | {"created_at": created.json()["created_at"]}
    read = program.client.get(here)
    assert (read.status_code, read.json()) == (200, created.json())
    assert read.headers["ETag"] == '"1"'
    assert read.headers["Cache-Control"] == "no-store"


def test_opening_a_patient_leaves_a_trace(clinic, program):
    patient = make_patient(clinic)

    program.get(f"/patients/{patient.pk}/")

    [entry] = reads()
    assert (entry.detail["view"], entry.patient_id) == ("api:patient-detail", patient.pk)


def test_same_number_twice_names_the_patient_who_has_it(clinic, program):
    first = program.post("/patients/", registration(clinic)).json()

    second = program.post("/patients/", registration(clinic, medical_record_number=" mrn 7 "))

    document = assert_problem(second, 409, "duplicate_record_number")
    assert document["context"] == {"patient_id": first["id"]}
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"family_name": "  "}, ["#/family_name"]),
        ({"birth_date": "02.03.1968"}, ["#/birth_date"]),
        ({"sex": "X", "given_name": "e" * 101}, ["#/given_name", "#/sex"]),
        ({"given_name": "\x00"}, ["#/given_name"]),
        ({"clinic": "x"}, ["#/clinic"]),
        ({"version": 9}, ["#/version"]),
        ({"id": str(uuid.uuid4())}, ["#/id"]),
    ],
)
def test_registration_out_of_shape_is_refused(clinic, program, fields, pointers):
    answer = program.post("/patients/", registration(clinic) | fields)

    document = assert_problem(answer, 400, "invalid")
    assert sorted(error["pointer"] for error in document["errors"]) == pointers
    assert not Patient.objects.exists()


def test_half_a_character_is_refused(clinic, program):
    text = json.dumps(registration(clinic, given_name="\ud800"))

    answer = program.post("/patients/", text, format=None, content_type="application/json")

    document = assert_problem(answer, 400, "invalid")
    assert [error["pointer"] for error in document["errors"]] == ["#/given_name"]


def test_registration_against_a_rule_is_refused(clinic, program):
    future = registration(clinic, birth_date="2999-01-01")

    assert_problem(program.post("/patients/", future), 422, "invalid_dates")
    empty = registration(clinic, medical_record_number="---")
    assert_problem(program.post("/patients/", empty), 422, "empty_record_number")
    assert not Patient.objects.exists()


def test_registration_at_another_clinic_finds_no_clinic(clinic, stranger):
    assert_problem(stranger.post("/patients/", registration(clinic)), 404, "not_found")

    assert not Patient.objects.exists()


class TestChange:
    def test_with_the_version_that_was_read(self, clinic, program):
        patient = make_patient(clinic)

        changed = program.patch(
            f"/patients/{patient.pk}/", {"family_name": "Horak"}, headers={"If-Match": '"1"'}
        )

        assert changed.status_code == 200
        assert changed.headers["ETag"] == '"2"'
        assert (changed.json()["family_name"], changed.json()["version"]) == ("Horak", 2)
        patient.refresh_from_db()
        assert (patient.family_name, patient.version) == ("Horak", 2)

    @pytest.mark.parametrize("sent", [None, "", "*"])
    def test_without_a_version_is_refused(self, clinic, program, sent):
        patient = make_patient(clinic)
        headers = {} if sent is None else {"If-Match": sent}

        refused = program.patch(f"/patients/{patient.pk}/", {"sex": "M"}, headers=headers)

        assert_problem(refused, 428, "precondition_required")
        patient.refresh_from_db()
        assert (patient.sex, patient.version) == ("F", 1)

    @pytest.mark.parametrize("sent", ['"2"', '"0"', "1", 'W/"1"', '"1", "2"', '"x"', '"1" '])
    def test_with_another_version_is_refused(self, clinic, program, sent):
        patient = make_patient(clinic)

        answer = program.patch(f"/patients/{patient.pk}/", {"sex": "M"}, headers={"If-Match": sent})

        patient.refresh_from_db()
        if sent.strip() == '"1"':
            assert (answer.status_code, patient.version) == (200, 2)
        else:
            assert_problem(answer, 412, "stale_version")
            assert (patient.sex, patient.version) == ("F", 1)

    def test_of_ten_at_once_one_wins(self, clinic):
        patient = make_patient(clinic)
        programs = [Program(make_user(Role.DOCTOR, clinics=[clinic])) for _ in range(10)]

        def change(program: Program) -> int:
            try:
                return program.patch(
                    f"/patients/{patient.pk}/",
                    {"given_name": f"Name{id(program)}"},
                    headers={"If-Match": '"1"'},
                ).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(5) as pool:
            assert sorted(pool.map(change, programs)) == [200] + [412] * 9
        patient.refresh_from_db()
        assert patient.version == 2

    @pytest.mark.parametrize("name", ["clinic", "version", "id", "created_at", "record_number_key"])
    def test_what_may_not_change_is_refused(self, clinic, program, name):
        patient = make_patient(clinic)

        answer = program.patch(f"/patients/{patient.pk}/", {name: "1"}, headers={"If-Match": '"1"'})

        document = assert_problem(answer, 400, "invalid")
        assert document["errors"][0] == {
            "pointer": f"#/{name}",
            "code": "unknown_field",
            "message": "There is no such field to set.",
        }


def test_I1_archived_patients_are_listed_apart(clinic, program):
    make_patient(clinic, family_name="Active")
    away = make_patient(clinic, family_name="Away", archived_at=now())

    def listed(asked: str) -> list[str]:
        rows = program.get(f"/patients/{asked}").json()["results"]
        return sorted(row["family_name"] for row in rows)

    assert listed("?archived=true") == [away.family_name]
    assert listed("?archived=false") == ["Active"]
    assert listed("") == ["Active", "Away"]
    assert_problem(program.get("/patients/?archived=perhaps"), 400, "invalid")


class TestSearch:
    def test_finds_by_the_beginning_of_a_name_within_the_clinics(self, clinic, program):
        found = make_patient(clinic, family_name="Adeyemi")
        make_patient(clinic, family_name="Brandt")
        make_patient(make_clinic(), family_name="Adeyemi")

        answer = program.post("/patients/search/", {"text": "adey"})

        assert [row["id"] for row in answer.json()["results"]] == [str(found.pk)]

    def test_goes_page_by_page_without_a_name_in_the_address(self, clinic, program):
        made = {str(make_patient(clinic, family_name="Adeyemi").pk) for _ in range(3)}

        first = program.post("/patients/search/?page_size=2", {"text": "Adeyemi"}).json()
        assert "deyemi" not in first["next"]
        rest = program.client.post(first["next"], {"text": "Adeyemi"}, format="json").json()

        assert rest["next"] is None
        assert {row["id"] for row in first["results"] + rest["results"]} == made

    @pytest.mark.parametrize("text", ["", "x" * 101, None, 5.5, ["a"]])
    def test_text_out_of_shape(self, program, text):
        answer = program.post("/patients/search/", {"text": text})

        assert_problem(answer, 400, "invalid")


class TestTreatment:
    def test_course_cycle_and_report_are_recorded_and_listed(self, clinic, program):
        patient = make_patient(clinic)

        course = program.post(
            f"/patients/{patient.pk}/therapy-courses/",
            {
                "kind": "CHEMOTHERAPY",
                "regimen": "AC-T",
                "planned_cycles": 8,
                "start_date": "2024-01-10",
            },
        )
        assert course.status_code == 201
        assert course.json() | {"created_at": None} == {
            "id": str(TherapyCourse.objects.get().pk),
            "patient": str(patient.pk),
            "kind": "CHEMOTHERAPY",
            "regimen": "AC-T",
            "intent": "",
            "planned_cycles": 8,
            "start_date": "2024-01-10",
            "end_date": None,
            "stop_reason": "",
            "intent_coding": None,
            "stop_reason_coding": None,
            "version": 1,
            "created_at": None,
        }
        cycles = f"/therapy-courses/{course.json()['id']}/cycles/"
        cycle = program.post(cycles, {"number": 1, "given_date": "2024-01-12"})
        assert cycle.status_code == 201
        reports = f"/patients/{patient.pk}/pathology-reports/"
        report = program.post(
            reports, {"laterality": "L", "result": "MALIGNANT", "report_date": "2024-01-03"}
        )
        assert report.status_code == 201

        for path, made in (
            (f"/patients/{patient.pk}/therapy-courses/", course),
            (cycles, cycle),
            (reports, report),
        ):
            assert program.get(path).json() == {"next": None, "results": [made.json()]}

    def test_rules_are_the_services(self, clinic, program):
        course = make_course(make_patient(clinic), planned_cycles=2)
        make_cycle(course, 1)
        path = f"/therapy-courses/{course.pk}/cycles/"

        again = program.post(path, {"number": 1, "given_date": "2024-01-12"})
        assert_problem(again, 409, "duplicate_cycle")
        beyond = program.post(path, {"number": 3, "given_date": "2024-01-12"})
        assert_problem(beyond, 422, "cycle_not_planned")
        before = program.post(path, {"number": 2, "given_date": "2023-01-12"})
        assert_problem(before, 422, "invalid_dates")

    def test_receptionist_reads_but_does_not_record(self, clinic):
        patient = make_patient(clinic)
        receptionist = Program(make_user(Role.RECEPTIONIST, clinics=[clinic]))
        path = f"/patients/{patient.pk}/pathology-reports/"

        assert receptionist.get(path).status_code == 200
        body = {"laterality": "L", "result": "BENIGN", "report_date": "2024-01-03"}
        assert_problem(receptionist.post(path, body), 403, "forbidden")


def test_another_clinics_record_is_absent_everywhere(clinic, stranger):
    patient = make_patient(clinic)
    course = make_course(patient)
    make_cycle(course)
    make_pathology(patient)
    change = {"headers": {"If-Match": '"1"'}}
    cycle = {"number": 2, "given_date": "2024-02-01"}
    report = {"laterality": "L", "result": "BENIGN", "report_date": "2024-01-03"}
    course_body = {"kind": "SURGERY", "regimen": "x", "start_date": "2024-01-10"}

    assert stranger.get("/patients/").json()["results"] == []
    assert stranger.post("/patients/search/", {"text": "Okafor"}).json()["results"] == []
    for answer in (
        stranger.get(f"/patients/{patient.pk}/"),
        stranger.patch(f"/patients/{patient.pk}/", {"sex": "M"}, **change),
        stranger.get(f"/patients/{patient.pk}/therapy-courses/"),
        stranger.post(f"/patients/{patient.pk}/therapy-courses/", course_body),
        stranger.get(f"/patients/{patient.pk}/pathology-reports/"),
        stranger.post(f"/patients/{patient.pk}/pathology-reports/", report),
        stranger.get(f"/therapy-courses/{course.pk}/cycles/"),
        stranger.post(f"/therapy-courses/{course.pk}/cycles/", cycle),
    ):
        document = assert_problem(answer, 404, "not_found")
        absent = {"instance", "request_id", "detail"}
        assert {k: v for k, v in document.items() if k not in absent} == {
            "type": "/problems/not_found",
            "title": "Not found",
            "status": 404,
            "code": "not_found",
        }
    assert not AuditEntry.objects.exists()
