"""What a patient agreed to, and what holds where nobody asked (docs/adr/0007).

Mammography is implied by coming for care. Analysis by computer is part of care unless the
clinic asks for consent first (``AI_NEEDS_CONSENT``). Research needs a yes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from mammotrack.errors import Forbidden
from patients.choices import ConsentPurpose
from patients.models import Consent, Patient


class ConsentWithdrawn(Forbidden):
    """The patient said no, or has not said yes to what needs it."""

    code = "consent_withdrawn"


@dataclass(frozen=True)
class ConsentState:
    purpose: str
    allowed: bool
    latest: Consent | None  # None: nobody asked; what holds is implied

    @property
    def label(self) -> str:
        return str(ConsentPurpose(self.purpose).label)


def consent_state(patient_id: UUID, purpose: str) -> ConsentState:
    latest = _answers(patient_id).filter(purpose=purpose).last()
    return ConsentState(purpose, latest.given if latest else _implied(purpose), latest)


def consent_states(patient_id: UUID) -> dict[str, ConsentState]:
    """Of every purpose."""
    newest = {answer.purpose: answer for answer in _answers(patient_id)}
    return {
        purpose: ConsentState(
            purpose,
            newest[purpose].given if purpose in newest else _implied(purpose),
            newest.get(purpose),
        )
        for purpose in ConsentPurpose.values
    }


def _answers(patient_id: UUID) -> QuerySet[Consent]:
    """Oldest first."""
    rows = Consent.objects.filter(patient_id=patient_id).select_related("recorded_by")
    return rows.order_by("created_at", "pk")


def require_consent(patient_id: UUID, purpose: str) -> None:
    """Raise ``ConsentWithdrawn`` unless the patient allows this."""
    state = consent_state(patient_id, purpose)
    if not state.allowed:
        sentence = (
            _("Consent of the patient is withdrawn: %(purpose)s.")
            if state.latest
            else _("Consent of the patient is not on record: %(purpose)s.")
        )
        raise ConsentWithdrawn(sentence % {"purpose": state.label.lower()}, purpose=purpose)


def patients_with_research_consent(clinic_ids: Iterable[UUID]) -> set[UUID]:
    """The patients whose records may leave care: the newest answer of each is a yes."""
    answers = Consent.objects.filter(
        clinic_id__in=list(clinic_ids), purpose=ConsentPurpose.RESEARCH
    ).order_by("created_at", "pk")
    newest: dict[UUID, bool] = dict(answers.values_list("patient_id", "given"))
    willing = [patient_id for patient_id, given in newest.items() if given]
    return set(Patient.objects.filter(pk__in=willing).values_list("pk", flat=True))


def _implied(purpose: str) -> bool:
    if purpose == ConsentPurpose.AI:
        return not settings.AI_NEEDS_CONSENT
    return purpose == ConsentPurpose.PROCEDURE
