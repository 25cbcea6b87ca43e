"""Of several proposals for one pair, which is to be signed; the others are kept and say so."""

import pytest
from django.urls import reverse

from analysis import selectors
from analysis.choices import JobState, RecommendationStatus
from analysis.models import LesionMark, Recommendation
from analysis.services.decisions import SupersededProposal, sign_decision
from analysis.services.superseding import settle_proposals
from mammotrack.accounts.models import Role
from scans.models import Mammogram
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_decision,
    make_job,
    make_mark,
    make_prediction,
    make_recommendation,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair
from tests.web import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def pair(clinic):
    return make_pair(make_patient(clinic))


def proposal(pair: tuple[Mammogram, Mammogram], mark: LesionMark | None = None) -> Recommendation:
    """One more proposal for the pair, settled as the worker settles it."""
    prior, current = pair
    beside = Recommendation.objects.filter(current=current).first()
    shared = {
        "current_prediction": beside.current_prediction if beside else make_prediction(current),
        "prior_prediction": beside.prior_prediction if beside else make_prediction(prior),
    }
    if beside:
        shared["comparison"] = beside.comparison
    job = make_job(current, prior=prior, mark=mark, state=JobState.DONE)
    made = make_recommendation(prior=prior, current=current, job=job, **shared)
    settle_proposals(made.current_id)
    made.refresh_from_db()
    return made


def settled(recommendation: Recommendation) -> tuple[str, object]:
    recommendation.refresh_from_db()
    return recommendation.status, recommendation.superseded_by_id


def test_a_proposal_at_a_mark_takes_the_place_of_one_without(pair, doctor):
    without = proposal(pair)
    at_mark = proposal(pair, make_mark(pair[0]))

    assert settled(without) == (RecommendationStatus.SUPERSEDED, at_mark.pk)
    assert settled(at_mark) == (RecommendationStatus.PROPOSED, None)
    assert list(selectors.recommendations_to_review(doctor)) == [at_mark]


def test_it_does_so_though_the_other_comes_last(pair):
    at_mark = proposal(pair, make_mark(pair[0]))
    without = proposal(pair)

    assert settled(without) == (RecommendationStatus.SUPERSEDED, at_mark.pk)
    assert settled(at_mark) == (RecommendationStatus.PROPOSED, None)


def test_a_mark_made_anew_takes_the_place_of_all_before_it(pair):
    first = make_mark(pair[0])
    second = make_mark(pair[0], supersedes=first)
    third = make_mark(pair[0], supersedes=second)
    at_first = proposal(pair, first)
    at_third = proposal(pair, third)

    assert settled(at_first) == (RecommendationStatus.SUPERSEDED, at_third.pk)
    assert settled(at_third) == (RecommendationStatus.PROPOSED, None)


def test_two_lesions_of_one_pair_stand_beside_each_other(pair):
    proposals = [proposal(pair, make_mark(pair[0])) for _ in range(2)]

    assert [settled(each) for each in proposals] == [(RecommendationStatus.PROPOSED, None)] * 2


def test_another_pair_is_left_alone(pair, clinic):
    other = proposal(make_pair(make_patient(clinic)))
    proposal(pair, make_mark(pair[0]))

    assert settled(other) == (RecommendationStatus.PROPOSED, None)


def test_what_is_signed_stays(pair):
    signed = proposal(pair)
    make_decision(signed)
    proposal(pair, make_mark(pair[0]))

    assert settled(signed) == (RecommendationStatus.ACCEPTED, None)


def test_a_superseded_proposal_is_shown_with_its_successor_and_cannot_be_signed(pair, doctor):
    without = proposal(pair)
    at_mark = proposal(pair, make_mark(pair[0]))
    client = signed_in(doctor)

    page = client.get(reverse("analysis:detail", args=[without.job_id])).content.decode()
    assert reverse("analysis:detail", args=[at_mark.job_id]) in page
    assert "Superseded: a later proposal" in page
    assert reverse("analysis:sign", args=[without.job_id]) not in page
    without.refresh_from_db()
    with pytest.raises(SupersededProposal):
        sign_decision(
            without, choice=without.proposal, reason="", password=PASSWORD, signed_by=doctor
        )
    assert not without.decisions.exists()


def test_the_interface_names_the_successor(pair, doctor):
    without = proposal(pair)
    at_mark = proposal(pair, make_mark(pair[0]))

    answer = signed_in(doctor).get(f"/api/v1/recommendations/{without.pk}/").json()

    assert (answer["status"], answer["superseded_by"]) == ("SUPERSEDED", str(at_mark.pk))
