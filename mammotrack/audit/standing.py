"""When a chain was last read from end to end, and what was found."""

from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from mammotrack.accounts.models import Clinic, User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.chain import head_of
from mammotrack.audit.verify import verify
from mammotrack.models import now


@dataclass(frozen=True)
class ChainState:
    """``verified_at`` is None until somebody, or the timetable, had it read."""

    clinic: Clinic
    entries: int
    verified_at: datetime | None = None
    up_to: int = 0
    bad_entry: int | None = None
    bad_what: str = ""

    @property
    def is_intact(self) -> bool:
        return self.verified_at is not None and self.bad_entry is None


def chain_states(reader: User) -> list[ChainState]:
    """Of the reader's clinics, as last read."""
    require(reader, Permission.READ_AUDIT)
    return [_state_of(clinic) for clinic in reader.clinics.order_by("name")]


def verify_chains(reader: User) -> None:
    """Read the chains of the reader's clinics from end to end, now."""
    require(reader, Permission.READ_AUDIT)
    for clinic in reader.clinics.all():
        verify_chain(clinic)


def verify_chain(clinic: Clinic) -> None:
    chain = str(clinic.pk)
    up_to = head_of(chain).seq
    findings = verify(chain=chain).findings
    first = min(findings, key=lambda found: found.seq, default=None)
    found = {
        "verified_at": now(),
        "up_to": up_to,
        "bad_entry": first.seq if first else None,
        "bad_what": first.what if first else "",
    }
    cache.set(_key(clinic), found, None)


def _state_of(clinic: Clinic) -> ChainState:
    found = cache.get(_key(clinic)) or {}
    return ChainState(clinic, head_of(str(clinic.pk)).seq, **found)


def _key(clinic: Clinic) -> str:
    return f"audit-verified:{clinic.pk}"
