"""Signing: by a doctor, once, with a reason where it differs."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from analysis.choices import Proposal, RecommendationStatus
from analysis.models import Decision, Recommendation
from analysis.services.decisions import AlreadySigned, ReasonRequired, sign_decision
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden, Rejected
from tests.factories.accounts import make_user
from tests.factories.analysis import make_recommendation

pytestmark = pytest.mark.django_db


def assert_unsigned() -> None:
    assert not Decision.objects.exists()
    assert not AuditEntry.objects.exists()
    assert Recommendation.objects.get().status == RecommendationStatus.PROPOSED


def test_override_with_a_reason_is_kept_beside_the_proposal():
    recommendation = make_recommendation(proposal=Proposal.CONTINUE_CHEMOTHERAPY)
    doctor = make_user(Role.DOCTOR)

    sign_decision(
        recommendation, choice=Proposal.REFER, reason=" New palpable lump. ", signed_by=doctor
    )

    decision = Decision.objects.get()
    assert (decision.choice, decision.follows_proposal, decision.reason, decision.signed_by_id) == (
        Proposal.REFER,
        False,
        "New palpable lump.",
        doctor.pk,
    )
    stored = Recommendation.objects.get()
    assert (stored.status, stored.proposal) == (
        RecommendationStatus.OVERRIDDEN,
        Proposal.CONTINUE_CHEMOTHERAPY,
    )
    assert AuditEntry.objects.get().action == Action.DECISION_SIGNED


def test_acceptance_needs_no_reason():
    recommendation = make_recommendation()

    sign_decision(
        recommendation,
        choice=recommendation.proposal,
        reason="",
        signed_by=make_user(Role.DOCTOR),
    )

    assert Recommendation.objects.get().status == RecommendationStatus.ACCEPTED


def test_override_without_a_reason_is_refused():
    with pytest.raises(ReasonRequired):
        sign_decision(
            make_recommendation(),
            choice=Proposal.REFER,
            reason="   ",
            signed_by=make_user(Role.DOCTOR),
        )
    assert_unsigned()


@pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.DOCTOR}))
def test_only_a_doctor_signs(role):
    recommendation = make_recommendation()

    with pytest.raises(Forbidden):
        sign_decision(
            recommendation, choice=recommendation.proposal, reason="", signed_by=make_user(role)
        )

    assert_unsigned()


def test_an_unknown_choice_is_refused():
    with pytest.raises(Rejected) as refusal:
        sign_decision(
            make_recommendation(),
            choice="surgery",
            reason="because of it",
            signed_by=make_user(Role.DOCTOR),
        )
    assert refusal.value.problem_code == "invalid_choice"
    assert_unsigned()


def test_of_many_signatures_at_once_one_counts():
    recommendation = make_recommendation()
    doctors = [make_user(Role.DOCTOR) for _ in range(6)]

    def sign(doctor) -> bool:
        try:
            sign_decision(
                recommendation, choice=recommendation.proposal, reason="", signed_by=doctor
            )
        except AlreadySigned:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        signed = list(pool.map(sign, doctors))

    assert signed.count(True) == 1
    assert Decision.objects.count() == 1
    assert AuditEntry.objects.count() == 1
