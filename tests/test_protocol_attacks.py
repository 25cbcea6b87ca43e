"""What holds of the protocol, whoever asks and however (attacks P03 to P11; P01, P02 and P07 have
files of their own, P09 lies with the webhooks, P12 and P13 with DICOMweb and FHIR)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.api.versions import Retirement
from mammotrack.models import now
from patients.api.people import ClinicViewSet
from patients.models import Patient
from scans.api import ExamViewSet
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.test_access import ADDRESSES, keys_of, path_of

pytestmark = pytest.mark.django_db

ROWS = 10_000


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def program(clinic):
    return Program(make_user(Role.DOCTOR, clinics=[clinic]))


def changeable(clinic):
    """Every record that is changed under ``If-Match``, with a change."""
    patient = make_patient(clinic)
    course = make_course(patient)
    cycle, report = make_cycle(course), make_pathology(patient)
    of_patient, of_course = f"/patients/{patient.pk}", f"/therapy-courses/{course.pk}"
    return {
        f"{of_patient}/": {"sex": "M"},
        f"{of_patient}/therapy-courses/{course.pk}/": {"regimen": "TC"},
        f"{of_course}/cycles/{cycle.pk}/": {"dose_percent": 90, "dose_reason": "TOXICITY"},
        f"{of_patient}/pathology-reports/{report.pk}/": {"grade": 2},
    }


def test_P03_every_change_says_which_version_it_saw(clinic, program):
    for path, change in changeable(clinic).items():
        blind = program.patch(path, change)
        star = program.patch(path, change, headers={"If-Match": "*"})
        stale = program.patch(path, change, headers={"If-Match": '"0"'})
        weak = program.patch(path, change, headers={"If-Match": 'W/"1"'})
        first = program.patch(path, change, headers={"If-Match": '"1"'})
        late = program.patch(path, change, headers={"If-Match": '"1"'})

        assert_problem(blind, 428, "precondition_required")
        assert_problem(star, 428, "precondition_required")
        for refused in (stale, weak, late):
            assert_problem(refused, 412, "stale_version")
        assert (first.status_code, first.headers["ETag"]) == (200, '"2"'), first.content


def test_P03_there_is_no_other_way_to_change(clinic):
    """Whatever takes PATCH, PUT or DELETE is named above, or refuses every change."""
    patched = {
        name
        for name, pattern in ADDRESSES.items()
        if {"patch", "put", "delete"} & set(getattr(pattern.callback, "actions", None) or {})
    }

    assert patched == {
        "api:patient-detail",
        "api:course-detail",
        "api:cycle-detail",
        "api:pathology-detail",
        "api:webhook-detail",  # held to it among the webhooks' tests
        "api:decision-detail",  # 409, whatever is sent
        "fhir:export-status",  # gives up an export; nothing of a record
    }


def test_P03_of_two_editors_one_wins(clinic):
    path = f"/patients/{make_patient(clinic).pk}/"
    programs = [Program(make_user(Role.DOCTOR, clinics=[clinic])) for _ in range(8)]

    def change(program):
        try:
            return program.patch(
                path, {"phone": "0151 2345 678"}, headers={"If-Match": '"1"'}
            ).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(change, programs))

    assert sorted(statuses) == [200] + [412] * 7


def test_P04_I10_ten_thousand_rows_while_others_are_added(clinic, program):
    began = now() - timedelta(days=1)
    rows = [
        Patient(
            clinic=clinic,
            medical_record_number=f"N{number}",
            family_name="Phantom",
            given_name=str(number),
            birth_date=datetime(1970, 5, 17, tzinfo=UTC).date(),
            created_at=began + timedelta(milliseconds=number // 3),  # three of one moment
        )
        for number in range(ROWS)
    ]
    for row in rows:
        row.derive_keys()
    Patient.objects.bulk_create(rows, batch_size=1000)

    seen, path = [], "/patients/?page_size=100"
    while path:
        page = program.get(path).json()
        seen += [row["id"] for row in page["results"]]
        make_patient(clinic, created_at=now())
        make_patient(clinic, created_at=began - timedelta(days=1))
        path = page["next"] and page["next"].removeprefix("http://testserver/api/v1")

    assert len(seen) == len(set(seen))
    assert {str(row.pk) for row in rows} <= set(seen)


def test_P04_a_changed_cursor_is_refused(clinic, program):
    for _ in range(2):
        make_patient(clinic)
    cursor = program.get("/patients/?page_size=1").json()["next"].split("cursor=")[1]

    for changed in (cursor[:-1], cursor[1:], cursor.swapcase(), "x", "W10", cursor + "%00"):
        document = assert_problem(program.get(f"/patients/?cursor={changed}"), 400, "invalid")
        assert document["errors"][0]["code"] == "invalid_cursor"


def test_P05_kinds_and_methods_that_are_not_there(clinic, program):
    keys = keys_of(clinic)
    for name, pattern in ADDRESSES.items():
        actions = getattr(pattern.callback, "actions", None)
        if actions is None or name.startswith("fhir:"):  # which tells errors in its own form
            continue
        path = path_of(name, keys)
        for method in {"get", "post", "put", "patch", "delete", "options", "trace"} - set(actions):
            answer = program.client.generic(method.upper(), path)
            if answer.status_code == 403:
                continue  # no method of it is a doctor's
            assert_problem(answer, 405, "method_not_allowed")
            allowed = {word.strip().lower() for word in answer.headers["Allow"].split(",")}
            assert set(actions) <= allowed
            assert method not in allowed
        if "post" in actions:
            sent = program.client.generic(
                "POST",
                path,
                b"a,b",
                content_type="text/csv",
                headers={"Idempotency-Key": f"key-of-{name}", "If-Match": '"0"'},
            )
            assert sent.status_code in {403, 415, 200, 409}, (name, sent.content)
    answer = program.get("/patients/", headers={"Accept": "text/html"})
    assert_problem(answer, 406, "not_acceptable")


def test_P06_every_error_is_a_problem_and_shows_no_stack(clinic, program, settings, monkeypatch):
    assert settings.DEBUG is False

    def burst(_: object) -> None:
        raise ZeroDivisionError("Ada Phantom")

    monkeypatch.setattr(ExamViewSet, "get_queryset", burst)
    answers = {
        400: program.get("/patients/?x=1"),
        401: Program().get("/patients/"),
        403: Program(make_user(Role.RESEARCHER)).get("/patients/"),
        404: program.get("/nothing/"),
        405: program.client.delete("/api/v1/patients/"),
        406: program.get("/patients/", headers={"Accept": "text/html"}),
        413: program.post("/patients/search/", {"text": "x" * 1024 * 1024}),
        415: program.post("/patients/", b"x", format=None, content_type="text/csv"),
        500: program.get("/exams/"),
    }
    for status, answer in answers.items():
        document = assert_problem(answer, status, answer.json()["code"])
        assert document["request_id"]
        for word in ("Traceback", "ZeroDivision", "Phantom", ".py"):
            assert word not in answer.text


def test_P08_another_version_is_not_there(program):
    for path in ("/api/v9/patients/", "/api/v0/patients/", "/api/patients/", "/api/"):
        assert_problem(program.client.get(path), 404, "not_found")


def test_P08_an_address_that_will_go_says_so(program, monkeypatch):
    going = Retirement(
        since=datetime(2027, 1, 1, tzinfo=UTC), until=datetime(2028, 1, 1, tzinfo=UTC)
    )
    monkeypatch.setattr(ClinicViewSet, "retirement", going)

    answer = program.get("/clinics/")

    assert answer.status_code == 200
    assert answer.headers["Deprecation"] == "@1798761600"
    assert answer.headers["Sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"
    assert "Deprecation" not in program.get("/patients/").headers


@pytest.mark.parametrize("size", ["-1", "0", "1e9", "0x10", "", "٤", "1.0", " 1", "9" * 5000])
def test_P10_a_page_size_that_is_none_is_refused(program, size):
    document = assert_problem(
        program.get("/patients/", query_params={"page_size": size}), 400, "invalid"
    )

    assert [error["pointer"] for error in document["errors"]] == ["#/page_size"]


def test_P10_a_page_is_never_longer_than_a_hundred(clinic, program):
    for _ in range(101):
        make_patient(clinic)

    assert len(program.get("/patients/?page_size=1000000000").json()["results"]) == 100


def test_P11_head_is_get_without_a_body(clinic, program):
    make_patient(clinic)

    head, get = (getattr(program.client, name)("/api/v1/patients/") for name in ("head", "get"))

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == get.headers["ETag"]


def test_P11_no_other_origin_is_let_in(clinic, program):
    preflight = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }

    asked = program.client.options("/api/v1/patients/", headers=preflight)
    read = program.get("/patients/", headers={"Origin": "https://evil.example"})

    assert_problem(asked, 405, "method_not_allowed")
    for answer in (asked, read):
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_P11_trace_echoes_nothing(clinic):
    secret = {"Authorization": "Bearer not-to-be-echoed", "Cookie": "session=not-to-be-echoed"}

    for path in ("/api/v1/patients/", reverse("worklist"), "/sign-in/"):
        answer = Client().generic("TRACE", path, headers=secret)
        assert answer.status_code in {302, 401, 403, 405}
        assert b"not-to-be-echoed" not in answer.content
