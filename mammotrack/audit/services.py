"""The one way an audit entry is written."""

from typing import Any
from uuid import UUID

from django.db.models import Model

from mammotrack.accounts.models import User
from mammotrack.audit.models import Action, AuditEntry


def record(
    action: Action,
    *,
    subject: Model,
    clinic_id: UUID,
    actor: User | None,
    patient_id: UUID | None = None,
    **detail: Any,
) -> AuditEntry:
    """Write one entry, inside the caller's transaction, so that both stand or fall together.

    ``actor`` is None for work the system does by itself.
    """
    entry = AuditEntry(
        clinic_id=clinic_id,
        actor=actor,
        action=action,
        object_type=subject._meta.model_name or "",
        object_id=subject.pk,
        patient_id=patient_id,
        detail=detail,
    )
    entry.save()
    return entry
