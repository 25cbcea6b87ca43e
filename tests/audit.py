"""What the audit trail says, once everything that waits is in it."""

from mammotrack.audit import spool
from mammotrack.audit.models import Action, AuditEntry


def entries(action: Action | None = None) -> list[AuditEntry]:
    """All entries, or those of one action, in the order of their acts."""
    spool.drain()
    found = AuditEntry.objects.order_by("created_at", "seq")
    return list(found.filter(action=action) if action else found)


def reads() -> list[AuditEntry]:
    return entries(Action.RECORD_READ)
