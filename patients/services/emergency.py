"""Opening a record out of scope in an emergency: named, short, read only, and watched.

Who breaks the glass knows the patient by two identifiers, so that nobody looks through a register.
"""

from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from mammotrack.accounts.models import Clinic, User
from mammotrack.accounts.policy import GRANTS, Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, NotFound, Rejected
from mammotrack.models import now
from patients.models import (
    EmergencyAccess,
    Patient,
    normalise_record_number,
    survivor_of,
)
from patients.partial_dates import PartialDate
from patients.services.facts import touch_record

EMERGENCY_LASTS = timedelta(minutes=30)
MIN_REASON_CHARACTERS = 15


class AlreadyInScope(Conflict):
    code = "already_in_scope"


class AccessEnded(Conflict):
    code = "access_ended"


class AlreadyReviewed(Conflict):
    code = "already_reviewed"


class OwnAccess(Conflict):
    code = "own_access"


@retry_on_conflict
def break_glass(
    *,
    clinic_id: UUID,
    medical_record_number: str,
    birth_date: PartialDate,
    reason: str,
    opened_by: User,
) -> EmergencyAccess:
    """Let the user read one patient of any clinic for ``EMERGENCY_LASTS``.

    Raises
    ------
    Forbidden
        The user's role may not.
    Rejected
        The reason is shorter than ``MIN_REASON_CHARACTERS``.
    NotFound
        That clinic has no such patient; the attempt is on its trail.
    AlreadyInScope
        The user reads this clinic's records anyway.
    """
    require(opened_by, Permission.BREAK_GLASS)
    reason = reason.strip()
    if len(reason) < MIN_REASON_CHARACTERS:
        raise Rejected(
            _("Say in %(number)s characters or more why it cannot wait.")
            % {"number": MIN_REASON_CHARACTERS},
            code="reason_required",
        )
    if clinic_id in opened_by.clinic_ids and Permission.READ_PATIENTS in GRANTS[opened_by.role]:
        raise AlreadyInScope("You read this clinic's records without it.")
    patient = _identified(clinic_id, medical_record_number, birth_date)
    if patient is None:
        _record_refusal(clinic_id, opened_by)
        raise NotFound("That clinic has no patient with this record number and birth date.")
    access = EmergencyAccess(
        clinic_id=patient.clinic_id,
        patient=patient,
        opened_by=opened_by,
        reason=reason,
        expires_at=now() + EMERGENCY_LASTS,
    )
    with atomic():
        touch_record(patient.pk)
        access.save(force_insert=True)
        _record(Action.GLASS_BROKEN, access, opened_by, private={"reason": reason})
    return access


@retry_on_conflict
def end_access(access: EmergencyAccess, *, ended_by: User | None) -> None:
    """Close it before its time, or after (nobody: it lapsed). Raises ``AccessEnded``."""
    with atomic():
        still_open = EmergencyAccess.objects.filter(pk=access.pk, ended_at=None)
        moment = now() if ended_by else access.expires_at
        if not still_open.update(ended_at=moment):
            raise AccessEnded("It has ended already.")
        _record(Action.GLASS_ENDED, access, ended_by, lapsed=ended_by is None)
    access.ended_at = moment


def end_lapsed() -> int:
    """Write down the end of those whose time is over; they opened nothing since."""
    lapsed = list(EmergencyAccess.objects.filter(ended_at=None, expires_at__lte=now()))
    for access in lapsed:
        try:
            end_access(access, ended_by=None)
        except AccessEnded:  # by its user, meanwhile
            continue
    return len(lapsed)


@retry_on_conflict
def review_access(access: EmergencyAccess, *, reviewed_by: User) -> None:
    """Say that somebody has looked at it. Raises ``OwnAccess`` or ``AlreadyReviewed``."""
    require(reviewed_by, Permission.READ_AUDIT)
    if access.opened_by_id == reviewed_by.pk:
        raise OwnAccess("Somebody else reviews your access.")
    with atomic():
        unseen = EmergencyAccess.objects.filter(pk=access.pk, reviewed_at=None)
        if not unseen.update(reviewed_at=now(), reviewed_by=reviewed_by.pk):
            raise AlreadyReviewed("It is reviewed already.")
        _record(Action.GLASS_REVIEWED, access, reviewed_by)


def _identified(clinic_id: UUID, number: str, born: PartialDate) -> Patient | None:
    key = normalise_record_number(number)
    patient = Patient.objects.filter(clinic_id=clinic_id, record_number_key=key).first()
    if patient is None or patient.born != born:
        return None
    return survivor_of(patient)


@retry_on_conflict
def _record_refusal(clinic_id: UUID, user: User) -> None:
    clinic = Clinic.objects.filter(pk=clinic_id).first()
    if clinic is None:
        raise NotFound("There is no such clinic.")
    audit.record(Action.GLASS_REFUSED, subject=clinic, clinic_id=clinic.pk, actor=user)


def _record(
    action: Action,
    access: EmergencyAccess,
    actor: User | None,
    *,
    private: dict[str, str] | None = None,
    **detail: object,
) -> None:
    audit.record(
        action,
        subject=access,
        clinic_id=access.clinic_id,
        patient_id=access.patient_id,
        actor=actor,
        private=private,
        **detail,
    )
