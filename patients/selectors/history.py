"""History and consents."""

from uuid import UUID

from django.db.models import QuerySet

from mammotrack.errors import NotFound
from patients.models import Consent, HistoryEntry, Patient


def history_of(patient: Patient) -> QuerySet[HistoryEntry]:
    """Every entry, the retracted ones too, in the order of time."""
    return (
        HistoryEntry.objects.filter(patient=patient)
        .select_related("recorded_by")
        .order_by("began", "created_at", "pk")
    )


def history_entry_of(patient: Patient, entry_id: UUID) -> HistoryEntry:
    """The patient's entry, or ``NotFound``."""
    entry = history_of(patient).filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("There is no such entry.")
    return entry


def consents_of(patient: Patient) -> QuerySet[Consent]:
    """Every answer, newest first."""
    return (
        Consent.objects.filter(patient=patient)
        .select_related("recorded_by")
        .order_by("-created_at", "-pk")
    )
