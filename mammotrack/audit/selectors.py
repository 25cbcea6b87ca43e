"""Reads of the trail itself."""

import json
from base64 import b64decode
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import keys
from mammotrack.audit.chain import collection
from mammotrack.audit.models import AuditDetail, AuditEntry
from mammotrack.audit.runs import READS
from mammotrack.audit.words import deed_in_words, role_in_words


@dataclass(frozen=True)
class Access:
    """One act on a patient's data: who, when, what, and through which page or address."""

    at: datetime
    chain: str
    seq: int
    actor: User | None
    role: str
    action: str
    view: str
    auth: str
    deed: str

    @property
    def role_in_words(self) -> str:
        return role_in_words(self.role)

    @property
    def sameness(self) -> Hashable:
        if self.action not in READS:
            return (self.chain, self.seq)
        named = (self.chain, self.actor, self.role, self.deed, self.view, self.auth)
        return (self.at.date(), *named)


def accesses_of(patient_id: UUID, *, reader: User) -> Iterator[Access]:
    """Everything that was seen or done of one patient, newest first, by whomever.

    A list the patient stood on counts. People who left stay in it: they are never deleted.
    """
    require(reader, Permission.READ_AUDIT)
    return _accesses(patient_id, clinics=[clinic.hex for clinic in reader.clinic_ids])


def all_accesses_of(patient_id: UUID) -> Iterator[Access]:
    """The same for the operator of this installation."""
    return _accesses(patient_id, clinics=None)


def _accesses(patient_id: UUID, *, clinics: list[str] | None) -> Iterator[Access]:
    about = {"$or": [{"patient_id": patient_id.hex}, {"detail.patients": patient_id.hex}]}
    scope = {} if clinics is None else {"clinic_id": {"$in": clinics}}
    people: dict[str, User | None] = {}
    rows = collection(AuditEntry).find(about | scope, sort=[("created_at", -1), ("seq", -1)])
    for row in rows:
        actor_id = row["actor_id"]
        if actor_id and actor_id not in people:
            people[actor_id] = User.objects.filter(pk=UUID(actor_id)).first()
        yield Access(
            at=row["created_at"],
            chain=row["chain"],
            seq=row["seq"],
            actor=people.get(actor_id),
            role=row["role"],
            action=row["action"],
            view=row["detail"].get("view", ""),
            auth=row["auth"],
            deed=deed_in_words(row),
        )


def private_values(entry: AuditEntry) -> dict[str, object]:
    """The personal values of an entry; ``PatientErased`` once their key is destroyed."""
    sealed = AuditDetail.objects.get(pk=entry.pk)
    text = keys.decrypt(
        b64decode(sealed.sealed), patient_id=sealed.patient_id, entry_id=entry.pk.hex
    )
    return json.loads(text)
