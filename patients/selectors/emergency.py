"""Accesses in an emergency."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from uuid import UUID

from django.db.models import QuerySet

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import NotFound
from mammotrack.models import now
from patients.models import EmergencyAccess


@dataclass(frozen=True)
class OpenEmergency:
    """What every page says of it; it loads nothing about the patient."""

    pk: UUID
    patient_id: UUID
    expires_at: datetime

    @property
    def minutes_left(self) -> int:
        return ceil((self.expires_at - now()).total_seconds() / 60)


def open_emergencies(user: User) -> list[OpenEmergency]:
    rows = EmergencyAccess.objects.filter(opened_by=user, ended_at=None, expires_at__gt=now())
    found = rows.order_by("expires_at").values_list("pk", "patient_id", "expires_at")
    return [OpenEmergency(*row) for row in found]


def own_access(user: User, access_id: UUID) -> EmergencyAccess:
    """The user's own, or ``NotFound``."""
    access = EmergencyAccess.objects.filter(opened_by=user, pk=access_id).first()
    if access is None:
        raise NotFound("There is no such access.")
    return access


def emergency_accesses(user: User) -> QuerySet[EmergencyAccess]:
    """To the records of the user's clinics, newest first."""
    require(user, Permission.READ_AUDIT)
    return (
        EmergencyAccess.objects.filter(clinic_id__in=user.clinic_ids)
        .select_related("clinic", "opened_by", "reviewed_by")
        .order_by("-created_at", "-pk")
    )


def emergency_access(user: User, access_id: UUID) -> EmergencyAccess:
    """One of them, or ``NotFound``."""
    access = emergency_accesses(user).filter(pk=access_id).first()
    if access is None:
        raise NotFound("There is no such access.")
    return access


def emergencies_since(moment: datetime) -> QuerySet[EmergencyAccess]:
    """Of every clinic, for the operator of this installation."""
    rows = EmergencyAccess.objects.filter(created_at__gte=moment)
    return rows.select_related("clinic", "opened_by").order_by("created_at", "pk")
