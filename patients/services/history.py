"""The patient's history: put on record, and retracted when it was wrong."""

from typing import Any

from django.utils import timezone

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict
from mammotrack.models import now
from patients.history import check_entry
from patients.models import HistoryEntry, Patient
from patients.partial_dates import PartialDate
from patients.services.facts import InvalidDates, add_fact, check_reason, claim_record, note


class AlreadyRetracted(Conflict):
    code = "already_retracted"


@retry_on_conflict
def record_history(
    patient: Patient, *, began: PartialDate | None = None, recorded_by: User, **values: Any
) -> HistoryEntry:
    """Add an entry; ``values`` are the other fields of ``HistoryEntry``."""
    require(recorded_by, Permission.WRITE_PATIENTS)
    entry = HistoryEntry(
        clinic_id=patient.clinic_id,
        patient=patient,
        began=began.first if began else None,
        began_precision=began.precision if began else "",
        recorded_by=recorded_by,
        **values,
    )
    if began and not (patient.birth_date <= began.last and began.first <= timezone.localdate()):
        raise InvalidDates("It began before the patient's birth or in the future.")
    check_entry(entry)
    return add_fact(entry, Action.HISTORY_RECORDED, recorded_by, item=entry.item)


@retry_on_conflict
def retract_history(entry: HistoryEntry, *, reason: str, retracted_by: User) -> HistoryEntry:
    """Mark an entry as wrong. It stays on record and counts no more."""
    require(retracted_by, Permission.WRITE_PATIENTS)
    reason, moment = check_reason(reason), now()
    with atomic():
        claim_record(entry.patient_id)
        retracted = HistoryEntry.objects.filter(pk=entry.pk, retracted_at=None).update(
            retracted_at=moment, retraction_reason=reason
        )
        if not retracted:
            raise AlreadyRetracted("This entry is retracted already.")
        note(Action.HISTORY_RETRACTED, entry, retracted_by, private={"reason": reason})
    entry.retracted_at, entry.retraction_reason = moment, reason
    return entry
