"""A scan that arrives late: the proposal against the latest prior is to be signed."""

from datetime import date

import pytest
from django.urls import reverse

from analysis.choices import RecommendationStatus
from analysis.models import Recommendation
from analysis.selectors import recommendations_to_review
from analysis.services.decisions import SupersededProposal, sign_decision
from analysis.services.superseding import settle_proposals
from mammotrack.accounts.models import Role
from patients.services import merge_patients, undo_merge
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_decision,
    make_prediction,
    make_recommendation,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db

PROPOSED, SUPERSEDED = RecommendationStatus.PROPOSED, RecommendationStatus.SUPERSEDED


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def pictures(clinic):
    """Of January, April and July."""
    patient = make_patient(clinic)
    return [make_mammogram(patient, exam_date=date(2024, month, 5)) for month in (1, 4, 7)]


@pytest.fixture
def propose(pictures):
    """A proposal about July's picture against one of these, or against none."""
    current = pictures[-1]
    prediction = make_prediction(current)

    def made(prior=None, **fields):
        return make_recommendation(
            prior=prior, current=current, current_prediction=prediction, **fields
        )

    return made


def settled(current):
    settle_proposals(current.pk)
    rows = Recommendation.objects.filter(current=current).order_by("created_at", "pk")
    return list(rows.values_list("status", flat=True))


def test_C07_the_proposal_against_the_latest_prior_stands_in_whatever_order_they_came(
    pictures, propose
):
    january, april, july = pictures
    propose(january)
    assert settled(july) == [PROPOSED]
    propose(april)
    assert settled(july) == [SUPERSEDED, PROPOSED]
    propose()
    assert settled(july) == [SUPERSEDED, PROPOSED, SUPERSEDED]
    assert Recommendation.objects.count() == 3


def test_C07_of_two_against_one_prior_the_newer_stands(pictures, propose):
    _, april, july = pictures
    old = propose(april)
    propose(april, comparison=old.comparison, prior_prediction=old.prior_prediction)

    assert settled(july) == [SUPERSEDED, PROPOSED]


def test_C07_of_two_in_one_millisecond_one_stands(pictures, propose):
    _, april, july = pictures
    one = propose(april)
    propose(
        april,
        comparison=one.comparison,
        prior_prediction=one.prior_prediction,
        created_at=one.created_at,
    )

    assert sorted(settled(july)) == [PROPOSED, SUPERSEDED]


def test_C07_what_is_signed_stays_signed(pictures, propose):
    january, april, july = pictures
    make_decision(propose(january))
    propose(april)

    assert settled(july) == [RecommendationStatus.ACCEPTED, PROPOSED]


def test_C07_every_one_names_the_last_that_took_its_place(pictures, propose):
    january, april, july = pictures
    rows = [propose(), propose(january), propose(april)]
    settle_proposals(july.pk)

    found = Recommendation.objects.order_by("created_at", "pk")
    assert list(found.values_list("superseded_by", flat=True)) == [rows[2].pk, rows[2].pk, None]


def test_C07_a_superseded_proposal_is_shown_and_not_signed(pictures, propose, doctor):
    january, april, july = pictures
    older, standing = propose(january), propose(april)
    settle_proposals(july.pk)
    body = {"choice": "refer", "reason": "A new lump.", "password": PASSWORD}

    page = signed_in(doctor).get(reverse("analysis:detail", args=[older.job_id]))
    posted = signed_in(doctor).post(reverse("analysis:sign", args=[older.job_id]), body)
    answer = Program(doctor, browser=True).post(
        f"/recommendations/{older.pk}/decision/", body, headers={"If-Match": '"0"'}
    )

    assert_strict(page)
    assert "Superseded: a later proposal" in page.content.decode()
    assert reverse("analysis:detail", args=[standing.job_id]) in page.content.decode()
    assert reverse("analysis:sign", args=[older.job_id]) not in page.content.decode()
    assert posted.status_code == 409
    assert_problem(answer, 409, "superseded_proposal")
    with pytest.raises(SupersededProposal):
        sign_decision(
            older, choice="refer", reason="A new lump.", password=PASSWORD, signed_by=doctor
        )
    assert list(recommendations_to_review(doctor)) == [standing]


def test_C09_what_a_merge_had_superseded_stands_again_after_it_is_undone(clinic, doctor):
    one, other = make_patient(clinic), make_patient(clinic)
    january, july = (make_mammogram(one, exam_date=date(2024, month, 5)) for month in (1, 7))
    april = make_mammogram(other, exam_date=date(2024, 4, 5))
    own = make_recommendation(prior=january, current=july)
    merge = merge_patients(merged=other, survivor=one, reason="One person.", merged_by=doctor)
    april.refresh_from_db()
    of_both = make_recommendation(
        prior=april, current=july, current_prediction=own.current_prediction
    )
    assert settled(july) == [SUPERSEDED, PROPOSED]

    undo_merge(merge, reason="Two sisters.", undone_by=doctor)

    own.refresh_from_db()
    assert own.status == PROPOSED
    sign_decision(own, choice=own.proposal, reason="", password=PASSWORD, signed_by=doctor)
    assert Recommendation.objects.get(pk=of_both.pk).signature_count == 0
