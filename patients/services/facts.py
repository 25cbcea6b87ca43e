"""What every entry in a patient's record goes through: its limits, its patient, its audit."""

from typing import TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError

from mammotrack.accounts.models import User
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic
from mammotrack.errors import NotFound, Rejected
from mammotrack.models import now
from patients.models import Patient, PatientFact

Fact = TypeVar("Fact", bound=PatientFact)


class InvalidDates(Rejected):
    code = "invalid_dates"


def claim_record(patient_id: UUID) -> None:
    """Inside a transaction: make sure that this record takes entries, for as long as it runs.

    The patient is written, so of an entry and a change of the patient at the same moment one
    meets the other and runs again.
    """
    if not Patient.objects.filter(pk=patient_id).update(last_entry_at=now()):
        raise NotFound("There is no such patient.")


def add_fact(fact: Fact, action: Action, actor: User, **detail: object) -> Fact:
    check_fields(fact)
    with atomic():
        claim_record(fact.patient_id)
        fact.save(force_insert=True)
        note(action, fact, actor, **detail)
    return fact


def check_fields(record: Patient | PatientFact) -> None:
    """Hold the record against its fields' own limits; uniqueness is the database's to decide."""
    relations = [field.name for field in record._meta.fields if field.is_relation]
    try:
        record.clean_fields(exclude=relations)
    except ValidationError as error:
        raise Rejected(
            "Some fields are not valid.", code="invalid", errors=error.message_dict
        ) from error


def note(action: Action, subject: Patient | PatientFact, actor: User, **detail: object) -> None:
    """Write the audit entry of something done to a patient's record."""
    audit.record(
        action,
        subject=subject,
        clinic_id=subject.clinic_id,
        patient_id=subject.pk if isinstance(subject, Patient) else subject.patient_id,
        actor=actor,
        **detail,
    )
