"""Similar cases as they are kept, told over HTTP and shown."""

from datetime import date

import pytest
from django.urls import reverse

from analysis.choices import OWN_CASES
from analysis.imaging.versions import PREPARATION_VERSION
from analysis.models import Prediction, SimilarCases
from analysis.services.similar import stored_features, with_own_cases
from mammotrack.accounts.models import Role
from ml_models.similar.reference import reference_set
from patients.choices import ConsentPurpose
from patients.services import record_consent
from scans.choices import Origin
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_prediction, make_recommendation, make_similar_cases
from tests.factories.patients import make_pathology, make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.web import assert_strict, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]


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


class TestOwnCases:
    """The clinic's own pictures of patients who consented to research, without any model."""

    @pytest.fixture
    def query(self, clinic):
        return make_mammogram(make_patient(clinic))

    def seen(self, clinic, *, consent: bool | None = True, features: int = 1, **fields):
        """A picture the active model has seen, of a patient who has said yes, no or nothing."""
        patient = fields.pop("patient", None) or make_patient(clinic)
        if consent is not None:
            say(patient, consent)
        picture = make_mammogram(patient, **fields)
        reference = reference_set()
        make_prediction(
            picture,
            model_sha256=reference.model_sha256,
            preparation_version=PREPARATION_VERSION,
            features=stored_features(reference.features[features]),
        )
        return picture

    def found(self, query, count: int = 5) -> list[str]:
        reference = with_own_cases(reference_set(), query)
        nearest = reference.nearest(
            reference_set().features[1],
            laterality=query.laterality,
            view=query.view,
            known_pixels={query.pixel_sha256},
            count=count,
        )
        return [each.case.case for each in nearest if each.case.dataset == OWN_CASES]

    def test_d17_a_consented_case_is_found_with_its_label(self, clinic, doctor, query):
        picture = self.seen(clinic)
        make_pathology(picture.patient, laterality=picture.laterality)

        (case,) = with_own_cases(reference_set(), query).cases[len(reference_set().cases) :]

        assert self.found(query) == [str(picture.pk)]
        assert (case.dataset, case.licence) == ("this clinic", "consent to research")
        assert (case.pathology, case.birads) == ("malignant", "")

    def test_d17_nobody_who_has_not_consented_or_no_longer_does(self, clinic, query):
        self.seen(clinic, consent=None)
        withdrawn = self.seen(clinic)
        say(withdrawn.patient, False)

        assert self.found(query) == []

    def test_d17_never_the_querys_patient(self, clinic, query):
        """Nor its pixels: in a clinic one picture is stored once."""
        self.seen(clinic, patient=query.patient, exam_date=date(2020, 1, 1))

        assert self.found(query) == []

    def test_d17_same_breast_and_view_same_clinic_and_model_only(self, clinic, query):
        self.seen(clinic, laterality="R")
        self.seen(clinic, view="MLO")
        self.seen(make_clinic())
        simulated = self.seen(clinic, origin=Origin.SIMULATED)
        foreign = self.seen(clinic)
        Prediction.objects.filter(mammogram=foreign).update(model_sha256="0" * 64)

        assert simulated.view == query.view
        assert self.found(query, count=200) == []

    def test_d17_a_withdrawn_case_is_no_longer_shown(self, clinic, doctor, analysis):
        picture = self.seen(clinic)
        own = {
            "case": str(picture.pk),
            "dataset": OWN_CASES,
            "licence": "consent to research",
            "attribution": "",
            "laterality": "L",
            "view": "CC",
            "birads": "",
            "pathology": "malignant",
            "distance": 0.1,
            "ssim": 0.5,
            "picture": False,
        }
        kept = make_similar_cases(analysis.current, cases=[own])
        address = reverse("scans:display", args=[picture.pk])
        shown = page_of(analysis, doctor)

        say(picture.patient, False)

        assert address in shown
        assert "this clinic, consent to research" in shown
        assert address not in page_of(analysis, doctor)
        assert Program(doctor).get(f"/similar-cases/{kept.pk}/").json()["cases"] == []


def say(patient, given: bool) -> None:
    record_consent(
        patient,
        purpose=ConsentPurpose.RESEARCH,
        given=given,
        decided_on=date(2024, 1, 1),
        recorded_by=make_user(Role.DOCTOR, clinics=[patient.clinic]),
    )
