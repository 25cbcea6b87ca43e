"""The result of an exam: the worst picture of each breast, never an average."""

import pytest
from django.urls import reverse

from analysis.exam_result import ExamResult, exam_result
from analysis.models import Prediction
from analysis.selectors import analyses_of, breast_of, breasts_of_exam, jobs_of_exam, latest_job_of
from mammotrack.accounts.models import Role
from mammotrack.models import now
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import (
    make_breast_prediction,
    make_job,
    make_prediction,
    make_recommendation,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import signed_in


def reading(side: str, category: str, *, abstained: bool = False) -> tuple[str, Prediction]:
    return side, Prediction(category=category, abstained=abstained)


def test_D10_each_breast_has_its_worst_picture_and_the_exam_its_worst_breast():
    result = exam_result([reading("L", "2"), reading("L", "5"), reading("R", "2")])

    assert (result.left, result.right, result.exam) == ("5", "2", "5")


def test_D10_what_the_model_abstains_from_counts_for_nothing():
    result = exam_result([reading("L", "5", abstained=True), reading("R", "3"), reading("R", "")])

    assert result == ExamResult(left=None, right="3")
    assert result.exam == "3"


def test_D10_no_category_is_no_result():
    assert exam_result([]).exam is None


@pytest.mark.django_db
def test_D10_the_api_tells_both_breasts_and_the_exam():
    clinic = make_clinic()
    left = make_mammogram(make_patient(clinic), laterality="L")
    right = make_mammogram(left.patient, laterality="R", exam=left.exam)
    make_prediction(left, category="5")
    make_prediction(right, category="2")
    path = f"/exam-results/{left.exam_id}/"

    answer = Program(make_user(Role.DOCTOR, clinics=[clinic])).get(path)
    foreign = Program(make_user(Role.DOCTOR, clinics=[make_clinic()])).get(path)

    told = answer.json()
    assert (told["left"], told["right"], told["exam"]) == ("5", "2", "5")
    assert told["breasts"] == []
    assert_problem(foreign, 404, "not_found")


@pytest.mark.django_db
def test_D10_a_breast_as_a_whole_stands_beside_its_worst_picture_and_does_not_replace_it():
    clinic = make_clinic()
    picture = make_mammogram(make_patient(clinic), laterality="L")
    prediction = make_prediction(picture, category="5")
    make_breast_prediction(picture.exam, category="2")
    make_breast_prediction(picture.exam, category="4", pictures_beside=1)
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    analysis = make_recommendation(current=picture, current_prediction=prediction)

    told = Program(doctor).get(f"/exam-results/{picture.exam_id}/").json()
    page = signed_in(doctor).get(reverse("analysis:detail", args=[analysis.job_id]))

    assert (told["left"], told["exam"]) == ("5", "5")
    (breast,) = told["breasts"]
    assert (breast["laterality"], breast["category"], breast["pictures_beside"]) == ("L", "4", 1)
    text = " ".join(page.content.decode().split())
    assert "Left breast as a whole, from 2 pictures of it and 1 of the other in this exam" in text
    assert "4 Suspicious" in text


@pytest.mark.django_db
def test_D10_of_two_answers_in_one_millisecond_everybody_shows_the_same():
    doctor, moment = make_user(Role.DOCTOR, clinics=[make_clinic()]), now()
    picture = make_mammogram(make_patient(doctor.clinics.get()))
    exam = picture.exam
    prediction = make_prediction(picture)
    for category in "345":
        make_breast_prediction(exam, category=category, created_at=moment)
        make_job(picture, created_at=moment)

    (breast,) = breasts_of_exam(exam.pk)
    (job,) = jobs_of_exam(doctor, exam)

    assert breast == breast_of(prediction)
    assert job == latest_job_of(picture) == analyses_of(picture).first()
