"""A doctor's signed answer to a proposal."""

from django.db import IntegrityError

from analysis.choices import Proposal, RecommendationStatus
from analysis.models import AnalysisJob, Decision, Recommendation
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from mammotrack.models import now

MIN_REASON_CHARACTERS = 5


class AlreadySigned(Conflict):
    code = "already_signed"


class ReasonRequired(Rejected):
    code = "reason_required"


@retry_on_conflict
def sign_decision(
    recommendation: Recommendation, *, choice: str, reason: str, signed_by: User
) -> Decision:
    """Accept the proposal or override it with a reason. Once, by a doctor, for good.

    Raises
    ------
    Forbidden
        The user may not sign.
    ReasonRequired
        The choice differs from the proposal and no reason is given.
    AlreadySigned
        Somebody signed before.
    """
    require(signed_by, Permission.SIGN_DECISIONS)
    if choice not in Proposal.values:
        raise Rejected("There is no such choice.", code="invalid_choice")
    follows = choice == recommendation.proposal
    reason = reason.strip()
    if not follows and len(reason) < MIN_REASON_CHARACTERS:
        raise ReasonRequired("Give the reason for a decision that differs from the proposal.")
    decision = Decision(
        clinic_id=recommendation.clinic_id,
        patient_id=recommendation.patient_id,
        recommendation=recommendation,
        choice=choice,
        follows_proposal=follows,
        reason=reason,
        signed_by=signed_by,
        signed_at=now(),
    )
    status = RecommendationStatus.ACCEPTED if follows else RecommendationStatus.OVERRIDDEN
    try:
        with atomic():
            signed = Recommendation.objects.filter(
                pk=recommendation.pk, status=RecommendationStatus.PROPOSED
            ).update(status=status)
            if not signed:
                raise AlreadySigned("This proposal is signed already.")
            decision.save(force_insert=True)
            audit.record(
                Action.DECISION_SIGNED,
                subject=decision,
                clinic_id=decision.clinic_id,
                patient_id=decision.patient_id,
                actor=signed_by,
                recommendation_id=str(recommendation.pk),
                proposal=recommendation.proposal,
                choice=choice,
            )
    except IntegrityError as error:
        raise AlreadySigned("This proposal is signed already.") from error
    recommendation.status = status
    return decision


def note_opened(job: AnalysisJob, *, opened_by: User) -> None:
    """Leave the trace that this user looked at this analysis."""
    audit.record(
        Action.ANALYSIS_OPENED,
        subject=job,
        clinic_id=job.clinic_id,
        patient_id=job.patient_id,
        actor=opened_by,
    )
