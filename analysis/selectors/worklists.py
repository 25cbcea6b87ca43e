"""The lists that people work through."""

from django.db.models import QuerySet

from analysis.blinding import open_to
from analysis.choices import JobState, RecommendationStatus
from analysis.guideline import NOTHING_TO_COMPARE
from analysis.models import AnalysisJob, Decision, Recommendation
from analysis.selectors.visible import (
    decisions_visible_to,
    jobs_visible_to,
    recommendations_visible_to,
)
from mammotrack.accounts.models import User


def recommendations_to_review(user: User) -> QuerySet[Recommendation]:
    """Proposals that lack a signature, newest first.

    A first picture that nothing is wrong with has nothing to be compared with: no case to review.
    """
    return (
        recommendations_visible_to(user)
        .filter(status__in=(RecommendationStatus.PROPOSED, RecommendationStatus.AWAITING_SECOND))
        .exclude(prior=None, deciding_rule=NOTHING_TO_COMPARE)
        .select_related("patient", "current", "current_prediction", "comparison")
        .order_by("-created_at", "-pk")
    )


def jobs_in_state(user: User, *states: JobState) -> QuerySet[AnalysisJob]:
    return (
        jobs_visible_to(user)
        .filter(state__in=states)
        .select_related("patient", "current", "prior")
        .order_by("-created_at", "-pk")
    )


def jobs_asked_for_by(user: User) -> QuerySet[AnalysisJob]:
    """The analyses this user caused, by an upload, a mark or a retry, with what became of them."""
    return (
        jobs_visible_to(user)
        .filter(open_to(user, "current", "prior"), requested_by=user)
        .select_related(
            "patient",
            "current",
            "recommendation",
            "recommendation__patient",
            "recommendation__current",
            "recommendation__current_prediction",
            "recommendation__comparison",
        )
        .order_by("-created_at", "-pk")
    )


def signed_decisions(user: User) -> QuerySet[Decision]:
    return (
        decisions_visible_to(user)
        .select_related(
            "patient",
            "signed_by",
            "recommendation",
            "recommendation__current",
            "recommendation__current_prediction",
            "recommendation__comparison",
        )
        .order_by("-signed_at", "-pk")
    )
