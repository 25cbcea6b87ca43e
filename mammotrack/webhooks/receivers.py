"""Every entry of the audit trail may be an event: both are saved with the change itself."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from mammotrack.audit.signals import recorded
from mammotrack.webhooks.services import announce


@receiver(recorded)
def announce_act(
    action: str,
    clinic_id: UUID | None,
    object_type: str,
    object_id: UUID | None,
    patient_id: UUID | None,
    **_: Any,
) -> None:
    if clinic_id is None:
        return
    data = {
        "clinic": str(clinic_id),
        "patient": str(patient_id) if patient_id else None,
        "object_type": object_type,
        "object": str(object_id) if object_id else None,
    }
    announce(action, clinic_id=clinic_id, data=data)
