"""Doctors' signed answers to a proposal: the first, the second, and a change of mind.

Nothing signed is changed. Whoever signs says how many signatures they saw, so that of two who
sign at once the second learns of the first.
"""

from typing import NoReturn
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from analysis import selectors
from analysis.choices import Proposal, RecommendationStatus, SignatureMeaning
from analysis.evidence import breast_document, digest, evidence_of
from analysis.models import Countersignature, Decision, Recommendation
from analysis.services.jobs import check_one_patient
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.accounts.reauthentication import confirm_identity
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected, StaleVersion
from patients.services import claim_record

MIN_REASON_CHARACTERS = 5


class AlreadySigned(Conflict):
    code = "already_signed"


class NotSigned(Conflict):
    code = "not_signed"


class SupersededProposal(Conflict):
    code = "superseded_proposal"


class SameSigner(Conflict):
    code = "same_signer"


class NoSecondSignatureDue(Conflict):
    code = "no_second_signature_due"


class SignedIsFinal(Conflict):
    code = "signed_is_final"


class ReasonRequired(Rejected):
    code = "reason_required"


def sign_decision(
    recommendation: Recommendation, *, choice: str, reason: str, password: str, signed_by: User
) -> Decision:
    """Accept the proposal or override it with a reason.

    Raises
    ------
    Forbidden
        The user may not sign, or did not prove who they are (``reauth_required``).
    ReasonRequired
        The choice differs from the proposal and no reason is given.
    AlreadySigned
        Somebody signed before.
    SupersededProposal
        A later proposal for the same pictures took the place of this one.
    RecordArchived
        The record takes no entries.
    """
    _check_signer(signed_by, password)
    follows = _checked_choice(choice) == recommendation.proposal
    decision = _decision(
        recommendation,
        version=1,
        meaning=SignatureMeaning.APPROVED if follows else SignatureMeaning.OVERRIDDEN,
        choice=choice,
        reason=_checked_reason(
            reason,
            _("Give the reason for a decision that differs from the proposal."),
            due=not follows,
        ),
        signed_by=signed_by,
    )
    try:
        _save(decision, Action.DECISION_SIGNED, signatures_seen=0)
    except StaleVersion as error:
        by = _latest(recommendation).signed_by.full_name
        sentence = _("This proposal is already signed by %(who)s.") % {"who": by}
        raise AlreadySigned(sentence) from error
    return decision


def amend_decision(
    recommendation: Recommendation,
    *,
    choice: str,
    reason: str,
    password: str,
    signatures_seen: int,
    signed_by: User,
) -> Decision:
    """Sign a new version of the decision, with the reason for the change.

    Raises
    ------
    Forbidden, ReasonRequired
        As for a first signature; a reason is always due.
    NotSigned
        There is nothing to amend.
    RecordArchived
        The record takes no entries.
    StaleVersion
        Somebody signed since this page was read.
    """
    _check_signer(signed_by, password)
    _checked_choice(choice)
    latest = _latest(recommendation)
    decision = _decision(
        recommendation,
        version=latest.version + 1,
        meaning=SignatureMeaning.AMENDED,
        choice=choice,
        reason=_checked_reason(reason, _("Give the reason for the amendment."), due=True),
        signed_by=signed_by,
    )
    _save(decision, Action.DECISION_AMENDED, signatures_seen=signatures_seen)
    return decision


@retry_on_conflict
def countersign_decision(
    recommendation: Recommendation, *, password: str, signatures_seen: int, signed_by: User
) -> Countersignature:
    """Give the second signature that a decision to end chemotherapy needs.

    Raises
    ------
    Forbidden
        The user may not sign, or did not prove who they are.
    SameSigner
        The first signature is this doctor's own.
    NoSecondSignatureDue
        The decision stands without one, or has it.
    RecordArchived
        The record takes no entries.
    StaleVersion
        Somebody signed since this page was read.
    """
    _check_signer(signed_by, password)
    decision = _latest(recommendation)
    if decision.signed_by_id == signed_by.pk:
        raise SameSigner("The second signature must be another doctor's.")
    if recommendation.status != RecommendationStatus.AWAITING_SECOND:
        raise NoSecondSignatureDue("This decision needs no second signature.")
    countersignature = Countersignature(
        clinic_id=decision.clinic_id,
        patient_id=decision.patient_id,
        decision=decision,
        signed_by=signed_by,
    )
    with atomic():
        countersignature.patient_id = _advance(
            recommendation, _final_status(decision), signatures_seen=signatures_seen
        )
        countersignature.save(force_insert=True)
        _record(Action.DECISION_COUNTERSIGNED, countersignature, decision)
    return countersignature


def refuse_change(decision: Decision) -> NoReturn:
    """Say why what is signed stays as it is."""
    raise SignedIsFinal("What is signed stays as it is. Amend it: that signs a new version.")


def _check_signer(user: User, password: str) -> None:
    require(user, Permission.SIGN_DECISIONS)
    confirm_identity(user, password=password)


def _checked_choice(choice: str) -> str:
    if choice not in Proposal.values:
        raise Rejected("There is no such choice.", code="invalid_choice")
    return choice


def _checked_reason(reason: str, refusal: str, *, due: bool) -> str:
    reason = reason.strip()
    if due and len(reason) < MIN_REASON_CHARACTERS:
        raise ReasonRequired(refusal)
    return reason


def _latest(recommendation: Recommendation) -> Decision:
    latest = recommendation.decisions.order_by("-version").first()
    if latest is None:
        raise NotSigned("Nothing is signed yet.")
    return latest


def _decision(
    recommendation: Recommendation,
    *,
    version: int,
    meaning: SignatureMeaning,
    choice: str,
    reason: str,
    signed_by: User,
) -> Decision:
    breast = selectors.breast_of(recommendation.current_prediction)
    evidence = evidence_of(recommendation) | {"breast": breast_document(breast)}
    return Decision(
        clinic_id=recommendation.clinic_id,
        patient_id=recommendation.patient_id,
        recommendation=recommendation,
        version=version,
        meaning=meaning,
        choice=choice,
        follows_proposal=choice == recommendation.proposal,
        reason=reason,
        signed_by=signed_by,
        evidence=evidence,
        evidence_sha256=digest(evidence),
    )


@retry_on_conflict
def _save(decision: Decision, action: Action, *, signatures_seen: int) -> None:
    due = decision.needs_second_signature
    status = RecommendationStatus.AWAITING_SECOND if due else _final_status(decision)
    try:
        with atomic():
            decision.patient_id = _advance(
                decision.recommendation, status, signatures_seen=signatures_seen
            )
            decision.save(force_insert=True)
            _record(action, decision, decision)
    except IntegrityError as error:
        raise _stale() from error


def _advance(
    recommendation: Recommendation, status: RecommendationStatus, *, signatures_seen: int
) -> UUID:
    """Count one more signature, unless somebody else's came first.

    Returns whose recommendation it is now: a merge may have moved it since it was read.
    """
    check_one_patient(recommendation.job)
    this = Recommendation.objects.filter(pk=recommendation.pk)
    as_seen = this.filter(signature_count=signatures_seen, superseded_by=None)
    if not as_seen.update(status=status, signature_count=signatures_seen + 1):
        if this.exclude(superseded_by=None).exists():
            raise SupersededProposal(
                "A later proposal for the same pictures took the place of this one. Sign that."
            )
        raise _stale()
    patient_id = Recommendation.objects.values_list("patient_id", flat=True).get(
        pk=recommendation.pk
    )
    claim_record(patient_id)
    return patient_id


def _stale() -> StaleVersion:
    return StaleVersion("Somebody signed meanwhile. Load the page again and look.")


def _final_status(decision: Decision) -> RecommendationStatus:
    if decision.follows_proposal:
        return RecommendationStatus.ACCEPTED
    return RecommendationStatus.OVERRIDDEN


def _record(action: Action, signature: Decision | Countersignature, decision: Decision) -> None:
    """The entry binds the signature to what was signed."""
    audit.record(
        action,
        subject=signature,
        clinic_id=decision.clinic_id,
        patient_id=decision.patient_id,
        actor=signature.signed_by,
        recommendation_id=str(decision.recommendation_id),
        version=decision.version,
        meaning=decision.meaning,
        choice=decision.choice,
        evidence_sha256=decision.evidence_sha256,
    )
