"""How long a record stays and how it is put away. Nothing here removes anything."""

from datetime import date

from django.conf import settings
from django.utils.translation import gettext as _

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict
from mammotrack.models import now
from patients.errors import RecordMerged
from patients.models import Patient, records_of
from patients.services.facts import check_reason, claim_record, note


class NotArchived(Conflict):
    code = "not_archived"


class HoldUnchanged(Conflict):
    code = "hold_unchanged"


class RecordKept(Conflict):
    """The record must not be erased yet."""

    code = "record_kept"


@retry_on_conflict
def archive_patient(patient: Patient, *, reason: str, archived_by: User) -> Patient:
    """Put the record away: it is found only when asked for, and takes no entries."""
    require(archived_by, Permission.KEEP_RECORDS)
    reason, moment = check_reason(reason), now()
    with atomic():
        claim_record(patient.pk)
        Patient.objects.filter(pk=patient.pk).update(archived_at=moment, archive_reason=reason)
        note(Action.PATIENT_ARCHIVED, patient, archived_by, private={"reason": reason})
    patient.archived_at, patient.archive_reason = moment, reason
    return patient


@retry_on_conflict
def restore_patient(patient: Patient, *, reason: str, restored_by: User) -> Patient:
    require(restored_by, Permission.KEEP_RECORDS)
    reason = check_reason(reason)
    with atomic():
        restored = Patient.objects.filter(pk=patient.pk, archived_at__isnull=False).update(
            archived_at=None, archive_reason=""
        )
        if not restored:
            raise NotArchived("This record is not archived.")
        note(Action.PATIENT_RESTORED, patient, restored_by, private={"reason": reason})
    patient.archived_at, patient.archive_reason = None, ""
    return patient


@retry_on_conflict
def place_hold(patient: Patient, *, reason: str, placed_by: User) -> Patient:
    """Keep the record whatever its retention says, for example for a court."""
    require(placed_by, Permission.KEEP_RECORDS)
    reason = check_reason(reason)
    return _set_hold(patient, reason, Action.HOLD_PLACED, placed_by, reason=reason)


@retry_on_conflict
def lift_hold(patient: Patient, *, reason: str, lifted_by: User) -> Patient:
    require(lifted_by, Permission.KEEP_RECORDS)
    reason = check_reason(reason)
    return _set_hold(patient, "", Action.HOLD_LIFTED, lifted_by, reason=reason)


def kept_until(patient: Patient) -> date:
    """The day until which the record has to be kept, counted from its last entry."""
    last = (patient.last_entry_at or patient.created_at).date()
    try:
        return last.replace(year=last.year + settings.RETENTION_YEARS)
    except ValueError:  # 29 February
        return last.replace(year=last.year + settings.RETENTION_YEARS, month=3, day=1)


def require_erasable(patient: Patient, *, on: date) -> None:
    """Raise ``RecordKept`` while a legal hold, retention or treatment forbid erasing it."""
    current = Patient.objects.get(pk=patient.pk)
    if current.merged_into_id:
        raise RecordMerged("This record was merged into another one.")
    if any(record.hold_reason for record in records_of(current)):
        raise RecordKept("A legal hold is on this record.", why="legal_hold")
    if current.archived_at is None:
        raise RecordKept("This record is in use: it is not archived.", why="in_use")
    if on < kept_until(current):
        sentence = _("The record is kept until %(day)s.") % {"day": kept_until(current)}
        raise RecordKept(sentence, why="retention")


def _set_hold(
    patient: Patient, hold_reason: str, action: Action, actor: User, *, reason: str
) -> Patient:
    with atomic():
        before = Patient.objects.filter(pk=patient.pk, merged_into=None)
        before = before.filter(hold_reason="") if hold_reason else before.exclude(hold_reason="")
        if not before.update(hold_reason=hold_reason):
            raise HoldUnchanged("The hold is as you want it already.")
        note(action, patient, actor, private={"reason": reason})
    patient.hold_reason = hold_reason
    return patient
