"""Similar cases as they are kept, told over HTTP and shown."""

import pytest
from django.urls import reverse

from analysis.models import SimilarCases
from mammotrack.accounts.models import Role
from ml_models.similar.reference import reference_set
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_recommendation, make_similar_cases
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def analysis(clinic):
    prior, current = make_pair(make_patient(clinic))
    return make_recommendation(prior=prior, current=current)


def page_of(analysis, doctor) -> str:
    response = signed_in(doctor).get(reverse("analysis:detail", args=[analysis.job_id]))
    assert_strict(response)
    return response.content.decode()


def test_the_page_cites_each_case_and_warns(analysis, doctor):
    make_similar_cases(analysis.current)
    text = page_of(analysis, doctor)
    assert "Pathology: malignant" in text
    assert "CDD-CESM, CC BY 4.0" in text
    assert "10.7937/29kw-ae92" in text
    assert "Pictures that look alike need not share a disease" in text
    assert "0.412" in text


def test_the_page_says_why_there_are_none(analysis, doctor):
    make_similar_cases(analysis.current, cases=[], reason="no_reference_of_this_view")
    assert "holds no picture of this breast and view" in page_of(analysis, doctor)


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.RECEPTIONIST, 403), (Role.RADIOGRAPHER, 200), (Role.DOCTOR, 200), (Role.ADMIN, 403)],
)
def test_a_reference_picture_is_for_readers_of_analyses(clinic, role, status):
    case = next(case.case for case in reference_set().cases if case.picture)
    client = signed_in(make_user(role, clinics=[clinic]))
    answer = client.get(reverse("analysis:reference-picture", args=[case]))
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.getvalue()[:2] == b"\xff\xd8"
    answer.close()


def test_a_picture_that_is_not_shipped_is_not_found(doctor):
    absent = next(case.case for case in reference_set().cases if not case.picture)
    for name in (absent, "nobody"):
        path = reverse("analysis:reference-picture", args=[name])
        assert signed_in(doctor).get(path).status_code == 404


def test_the_api_tells_them_to_their_clinic(analysis, doctor):
    kept = make_similar_cases(analysis.current)
    stranger = Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))

    told = Program(doctor).get(f"/similar-cases/{kept.pk}/").json()

    assert told["cases"] == kept.cases
    assert (told["search_version"], told["reason"]) == (kept.search_version, "")
    assert_problem(stranger.get(f"/similar-cases/{kept.pk}/"), 404, "not_found")
    assert stranger.get("/similar-cases/").json()["results"] == []
    assert SimilarCases.objects.count() == 1
