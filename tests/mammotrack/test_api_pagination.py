"""Pages of a list: newest first, nothing twice, nothing lost."""

from datetime import timedelta

import pytest

from mammotrack.accounts.models import Role
from mammotrack.models import now
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


def ids(response) -> list[str]:
    return [row["id"] for row in response.json()["results"]]


def test_pages_hold_every_row_once_newest_first_while_rows_are_added(clinic, program):
    start = now()
    # Three rows a millisecond: the id decides between them.
    made = [
        make_patient(clinic, created_at=start + timedelta(milliseconds=n // 3)) for n in range(10)
    ]
    newest_first = sorted(made, key=lambda p: (p.created_at, p.pk), reverse=True)

    seen, path = [], "/patients/?page_size=3"
    while path:
        response = program.get(path)
        assert response.status_code == 200
        seen += ids(response)
        make_patient(clinic, created_at=start + timedelta(seconds=1))
        following = response.json()["next"]
        if following:
            assert response.headers["Link"] == f'<{following}>; rel="next"'
            assert following.startswith("http://testserver/api/v1/patients/?page_size=3&cursor=")
            path = following.removeprefix("http://testserver/api/v1")
        else:
            assert "Link" not in response.headers
            path = None

    assert seen == [str(patient.pk) for patient in newest_first]


def test_page_size_has_a_default_and_a_limit(clinic, program):
    for _ in range(101):
        make_patient(clinic)

    assert len(ids(program.get("/patients/"))) == 50
    assert len(ids(program.get("/patients/?page_size=1000000000"))) == 100


@pytest.mark.parametrize("size", ["0", "-1", "", "ten", "1.5", "\u0664", "9" * 5000])
def test_page_size_that_is_no_number_is_refused(program, size):
    document = assert_problem(program.get(f"/patients/?page_size={size}"), 400, "invalid")

    assert [error["pointer"] for error in document["errors"]] == ["#/page_size"]


def test_changed_cursor_is_refused(clinic, program):
    for _ in range(2):
        make_patient(clinic)
    cursor = program.get("/patients/?page_size=1").json()["next"].split("cursor=")[1]

    for changed in ("x", cursor[:-1], "A" + cursor[1:], cursor + "A", "%00", "a:b"):
        document = assert_problem(program.get(f"/patients/?cursor={changed}"), 400, "invalid")
        assert document["errors"][0]["code"] == "invalid_cursor"


def test_misspelt_filter_is_refused(program):
    for path in ("/exams/?patinet=1", "/patients/?family_name=Okafor"):
        document = assert_problem(program.get(path), 400, "invalid")
        assert document["errors"][0]["code"] == "unknown_field"
    assert_problem(program.get("/exams/?patient=1"), 400, "invalid")


def test_number_of_queries_does_not_grow_with_the_rows(clinic, program, django_assert_num_queries):
    make_patient(clinic)
    program.get("/patients/")  # notes that the token is in use
    with django_assert_num_queries(2):  # token with user and clinics, page
        program.get("/patients/")
    for _ in range(3):
        make_patient(clinic)
    with django_assert_num_queries(2):
        program.get("/patients/")
