"""The two ways into the audit trail: with a change, inside its transaction; for a read, at once."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Model

from mammotrack.accounts.models import User
from mammotrack.audit import keys, spool, trace
from mammotrack.audit.canonical import Document, canonical, counted, plain
from mammotrack.audit.chain import Appending
from mammotrack.audit.models import SYSTEM_CHAIN, Action
from mammotrack.audit.signals import recorded
from mammotrack.db import at_commit, atomic, in_transaction, on_commit, retry_on_conflict
from mammotrack.log import request_id
from mammotrack.models import now


def record(
    action: Action,
    *,
    subject: Model,
    clinic_id: UUID | None,
    actor: User | None,
    patient_id: UUID | None = None,
    private: Mapping[str, Any] | None = None,
    **detail: Any,
) -> None:
    """Append one entry with the caller's transaction, so that both stand or fall together.

    ``actor`` is None for work the system does by itself. ``detail`` takes codes and ids. What is
    personal goes to ``private``: it is sealed with the patient's key, and the chain holds its hash.

    Raises
    ------
    AuditUnavailable
        At the commit: the trail cannot be written, and nothing of the transaction is saved.
    """
    if not in_transaction():
        _record_alone(
            action,
            subject=subject,
            clinic_id=clinic_id,
            actor=actor,
            patient_id=patient_id,
            private=private,
            **detail,
        )
        return
    appending = at_commit(Appending)
    entry = new_entry(
        action,
        clinic_id=clinic_id,
        actor=actor,
        object_type=subject._meta.model_name or "",
        object_id=subject.pk,
        object_version=counted(getattr(subject, "version", None)),
        patient_id=patient_id,
        detail=detail,
    )
    if private:
        if patient_id is None:
            raise TypeError(
                "Personal values are sealed with the key of a patient: name the patient."
            )
        sealed = _sealed(private, patient_id=patient_id, entry_id=entry["_id"])
        entry["private_sha256"] = hashlib.sha256(sealed["sealed"].encode()).hexdigest()
        appending.details.append(sealed)
    appending.entries.append(entry)
    recorded.send(
        sender=type(subject),
        action=action.value,
        clinic_id=clinic_id,
        object_type=entry["object_type"],
        object_id=subject.pk,
        patient_id=patient_id,
    )
    traced = trace.current()
    if traced and patient_id:
        on_commit(partial(traced.left_an_entry, clinic_id, patient_id))


@retry_on_conflict
def _record_alone(action: Action, **event: Any) -> None:
    with atomic():
        record(action, **event)


def note_read(
    *, view: str, object_id: UUID | None, reader: User | None, traced: trace.Trace, **detail: Any
) -> None:
    """Write down whose data a request touched: to the disk of this machine, chained soon after.

    One entry for each clinic. Raises ``AuditUnavailable`` when the disk refuses.
    """
    spool.write(
        new_entry(
            Action.RECORD_READ if patients.isdisjoint(traced.emergencies) else Action.GLASS_READ,
            clinic_id=clinic_id,
            actor=reader,
            object_type="view",
            object_id=object_id,
            object_version=None,
            patient_id=next(iter(patients)) if len(patients) == 1 else None,
            detail={"view": view, "patients": _hexes(patients), **detail},
        )
        for clinic_id, patients in traced.unrecorded().items()
    )


def note_session(action: Action, *, user: User | None) -> None:
    """Signing in and out, and its refusal: never delayed by the database."""
    entry = new_entry(
        action,
        clinic_id=None,
        actor=user,
        object_type="user",
        object_id=user.pk if user else None,
        object_version=None,
        patient_id=None,
        detail={},
    )
    spool.write([entry])


def new_entry(
    action: Action,
    *,
    clinic_id: UUID | None,
    actor: User | None,
    object_type: str,
    object_id: Any,
    object_version: int | None,
    patient_id: UUID | None,
    detail: Mapping[str, Any],
) -> Document:
    """The stored document, as far as it is known before its place in the chain."""
    traced = trace.current()
    return {
        "_id": uuid4().hex,
        "v": 1,
        "created_at": now(),
        "chain": str(clinic_id) if clinic_id else SYSTEM_CHAIN,
        "clinic_id": _hex(clinic_id),
        "actor_id": actor.pk.hex if actor else None,
        "role": actor.role if actor else "",
        "auth": traced.auth if traced else "process",
        "session": traced.session if traced else "",
        "ip": traced.ip if traced else "",
        "request_id": request_id.get(),
        "action": action.value,
        "object_type": object_type,
        "object_id": _hex(object_id),
        "object_version": object_version,
        "patient_id": _hex(patient_id),
        "detail": plain(detail),
        "private_sha256": "",
    }


def _sealed(private: Mapping[str, Any], *, patient_id: UUID, entry_id: str) -> Document:
    text = canonical(plain(private))
    return {
        "_id": entry_id,
        "created_at": now(),
        "patient_id": patient_id.hex,
        "sealed": b64encode(keys.encrypt(text, patient_id=patient_id, entry_id=entry_id)).decode(),
    }


def _hex(key: UUID | None) -> str | None:
    return key.hex if isinstance(key, UUID) else None


def _hexes(ids: Iterable[UUID]) -> list[str]:
    return sorted(key.hex for key in ids)
