"""What the trail says of people, clinics and keys: who may do what since when, and who said so."""

from typing import Any

from django.db.models import Model

from mammotrack.accounts.models import User
from mammotrack.audit.models import Action
from mammotrack.audit.services import record

STATED = ("role", "is_active", "expires_at", "revoked_at")  # what decides over access


def record_change(subject: Model, *, actor: User | None, **detail: Any) -> None:
    """A user, a clinic or a key was made or changed; call it with the change's transaction."""
    stated: dict[str, Any] = {
        name: getattr(subject, name) for name in STATED if hasattr(subject, name)
    }
    if isinstance(subject, User):
        stated["clinics"] = sorted(subject.memberships.values_list("clinic_id", flat=True))
    record(Action.PEOPLE_CHANGED, subject=subject, clinic_id=None, actor=actor, **stated, **detail)
