"""What every entry in a patient's record goes through: its limits, its patient, its audit."""

from datetime import date
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet

from mammotrack.accounts.models import User
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic
from mammotrack.errors import NotFound, Rejected, StaleVersion
from mammotrack.models import now
from patients.errors import RecordArchived, RecordMerged
from patients.models import AmendableFact, Patient, PatientFact, Revision, survivor_of

Fact = TypeVar("Fact", bound=PatientFact)
MIN_REASON_CHARACTERS = 5
AmendableFactT = TypeVar("AmendableFactT", bound=AmendableFact)


class InvalidDates(Rejected):
    code = "invalid_dates"


def claim_record(patient_id: UUID) -> None:
    """Inside a transaction: make sure that this record takes entries, for as long as it runs.

    The patient is written, so of an entry and a merge or archiving at the same moment one
    meets the other and runs again.

    Raises
    ------
    RecordMerged, RecordArchived
        The record takes no entries.
    """
    if not _count_entry(_open_records(patient_id)):
        _refuse_entry(patient_id)


def touch_record(patient_id: UUID) -> None:
    """As ``claim_record`` for what the system adds by itself: it refuses nothing.

    The caller reads the patient's id from a row of the record, inside the same transaction.
    """
    _count_entry(Patient.objects.filter(pk=patient_id))


def check_open(patient_id: UUID) -> None:
    """Raise as ``claim_record`` does, before work is done for nothing."""
    if not _open_records(patient_id).exists():
        _refuse_entry(patient_id)


def _count_entry(record: QuerySet[Patient]) -> int:
    """The count is what makes it a write: to MongoDB, setting a field to what it holds already,
    as the time does of two entries in one millisecond, is none, and meets nobody."""
    return record.update(
        last_entry_at=now(),
        entries=F("entries") + 1,
        changed_at=F("changed_at"),  # nothing that is told of the patient
    )


def _open_records(patient_id: UUID) -> QuerySet[Patient]:
    return Patient.objects.filter(pk=patient_id, merged_into=None, archived_at=None)


def _refuse_entry(patient_id: UUID) -> NoReturn:
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    if patient.merged_into_id:
        raise RecordMerged(
            "This record was merged into another one.", patient_id=str(survivor_of(patient).pk)
        )
    raise RecordArchived("This record is archived. Restore it first.")


def check_reason(text: str) -> str:
    """The reason without the space around it; ``Rejected`` where it says nothing."""
    reason = text.strip()
    if len(reason) < MIN_REASON_CHARACTERS:
        raise Rejected("Say why, in a few words.", code="reason_required")
    return reason


def add_fact(fact: Fact, action: Action, actor: User, **detail: Any) -> Fact:
    check_fields(fact)
    with atomic():
        claim_record(fact.patient_id)
        fact.save(force_insert=True)
        note(action, fact, actor, **detail)
    return fact


def amend_fact(
    fact: AmendableFactT, *, expected_version: int, actor: User, **values: object
) -> AmendableFactT:
    """Replace these values by others; how the fact stood before is kept as a ``Revision``."""
    check_fields(fact)
    kind = type(fact)
    before = kind._default_manager.filter(pk=fact.pk, version=expected_version).first()
    if before is None:
        raise StaleVersion("Somebody changed this record meanwhile. Load it again.")
    revision = Revision(
        clinic_id=before.clinic_id,
        patient_id=before.patient_id,
        fact_type=fact._meta.model_name or "",
        fact_id=fact.pk,
        version=expected_version,
        values={name: _plain(getattr(before, name)) for name in values},
        replaced_by=actor,
    )
    with atomic():
        claim_record(before.patient_id)
        changed = kind._default_manager.filter(pk=fact.pk, version=expected_version).update(
            **values, version=expected_version + 1
        )
        if not changed:
            raise StaleVersion("Somebody changed this record meanwhile. Load it again.")
        revision.save(force_insert=True)
        fact.version = expected_version + 1
        note(Action.FACT_AMENDED, fact, actor, fields=sorted(values))
    return fact


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def check_fields(record: Patient | PatientFact) -> None:
    """Hold the record against its fields' own limits; uniqueness is the database's to decide."""
    relations = [field.name for field in record._meta.fields if field.is_relation]
    try:
        record.clean_fields(exclude=relations)
    except ValidationError as error:
        raise Rejected(
            "Some fields are not valid.", code="invalid", errors=error.message_dict
        ) from error


def note(action: Action, subject: Patient | PatientFact, actor: User, **detail: Any) -> None:
    """Write the audit entry of something done to a patient's record."""
    audit.record(
        action,
        subject=subject,
        clinic_id=subject.clinic_id,
        patient_id=subject.pk if isinstance(subject, Patient) else subject.patient_id,
        actor=actor,
        **detail,
    )
