"""What every answer of the API carries: versions, what is left of the rate, the request's id."""

import pytest
import time_machine

from mammotrack.accounts.models import Role
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def program(clinic):
    return Program(make_user(Role.DOCTOR, clinics=[clinic]))


def test_I4_what_was_read_before_is_not_sent_again(clinic, program):
    patient = make_patient(clinic)
    path = f"/patients/{patient.pk}/"
    tag = program.get(path).headers["ETag"]

    same = program.get(path, headers={"If-None-Match": tag})
    program.patch(path, {"sex": "M"}, headers={"If-Match": tag})
    changed = program.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert (changed.status_code, changed.json()["sex"]) == (200, "M")


def test_I4_what_has_no_version_is_tagged_by_what_it_says(clinic, program):
    make_patient(clinic)
    first = program.get("/patients/")

    same = program.get("/patients/", headers={"If-None-Match": first.headers["ETag"]})
    make_patient(clinic)
    changed = program.get("/patients/", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["ETag"].startswith('W/"')
    assert (same.status_code, same.content) == (304, b"")
    assert len(changed.json()["results"]) == 2


def test_a_caller_is_told_what_is_left_and_stopped_after_it(program, settings):
    settings.API_REQUESTS_A_MINUTE = 2
    with time_machine.travel("2026-03-01T12:00:20Z", tick=False) as clock:
        program = Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))
        left = [program.get("/patients/").headers["RateLimit"] for _ in range(2)]
        stopped = program.get("/patients/")
        clock.shift(40)
        again = program.get("/patients/")

    assert left == ['"default";r=1;t=40', '"default";r=0;t=40']
    assert_problem(stopped, 429, "throttled")
    assert stopped.headers["Retry-After"] == "40"
    assert stopped.headers["RateLimit"] == '"default";r=0;t=40'
    assert stopped.headers["RateLimit-Policy"] == '"default";q=2;w=60'
    assert again.status_code == 200


def test_callers_do_not_use_up_each_others_rate(program, clinic, settings):
    settings.API_REQUESTS_A_MINUTE = 1
    other = Program(make_user(Role.DOCTOR, clinics=[clinic]))

    assert program.get("/patients/").status_code == 200
    assert other.get("/patients/").status_code == 200
    assert program.get("/patients/").status_code == 429


@pytest.mark.parametrize("sent", ["", "short", "x" * 65, "with space 1", "a\x1b[31mred-1", "ü" * 9])
def test_a_request_id_out_of_shape_is_replaced(program, sent):
    answered = program.get("/patients/", headers={"X-Request-ID": sent}).headers["X-Request-ID"]

    assert answered != sent
    assert len(answered) == 36


def test_a_request_id_comes_back_in_header_and_problem(program):
    answer = program.get("/nothing/", headers={"X-Request-ID": "gateway-000017"})

    assert assert_problem(answer, 404, "not_found")["request_id"] == "gateway-000017"
