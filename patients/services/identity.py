"""Registering a patient and changing who the record says they are."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from mammotrack.accounts.models import Clinic, User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, NotFound, Rejected, StaleVersion
from patients import duplicates
from patients.models import Patient, normalise_record_number, survivor_of
from patients.names import normalise_name
from patients.partial_dates import PartialDate
from patients.services.facts import (
    MIN_REASON_CHARACTERS,
    InvalidDates,
    check_fields,
    claim_record,
    note,
)
from patients.signals import identity_changing

OLDEST_BIRTH_DATE = date(1880, 1, 1)
IDENTITY_FIELDS = (
    "medical_record_number",
    "family_name",
    "given_name",
    "birth_date",
    "sex",
    "phone",
    "deceased_date",
)
STATED_FIELDS = (*IDENTITY_FIELDS, "birth_precision")  # what the audit entry of a change says
DERIVED_FIELDS = ("birth_precision", "record_number_key", "family_key", "given_key", "phone_key")
FEWEST_PHONE_DIGITS = 5


class DuplicateRecordNumber(Conflict):
    code = "duplicate_record_number"


class PossibleDuplicate(Conflict):
    """Somebody much like this one is registered; a person has to look."""

    code = "possible_duplicate"


@retry_on_conflict
def register_patient(
    *,
    clinic_id: UUID,
    medical_record_number: str,
    family_name: str,
    given_name: str,
    birth_date: date | PartialDate,
    sex: str,
    phone: str = "",
    deceased_date: date | None = None,
    duplicate_reason: str = "",
    registered_by: User,
) -> Patient:
    """Create the patient.

    Raises
    ------
    DuplicateRecordNumber
        The clinic has that number already.
    PossibleDuplicate
        Somebody of the clinic may be the same person, and no ``duplicate_reason`` says why
        this is another one. The reason is kept in the audit entry.
    """
    require(registered_by, Permission.WRITE_PATIENTS)
    clinic = Clinic.objects.filter(pk=clinic_id, pk__in=registered_by.clinic_ids).first()
    if clinic is None:
        raise NotFound("There is no such clinic.")
    patient = Patient(clinic=clinic)
    _set_identity(
        patient,
        medical_record_number=medical_record_number,
        family_name=family_name,
        given_name=given_name,
        birth_date=birth_date,
        sex=sex,
        phone=phone,
        deceased_date=deceased_date,
    )
    reason = duplicate_reason.strip()
    alike = _check_duplicates(patient, reason)
    try:
        with atomic():
            patient.save(force_insert=True)
            note(
                Action.PATIENT_REGISTERED,
                patient,
                registered_by,
                **({"alike": alike, "private": {"duplicate_reason": reason}} if alike else {}),
            )
    except IntegrityError as error:
        raise _duplicate_number(patient) from error
    return patient


@retry_on_conflict
def update_patient(
    patient: Patient,
    *,
    expected_version: int,
    changed_by: User,
    duplicate_reason: str = "",
    **identity: Any,
) -> Patient:
    """Change identity fields, provided nobody else did since ``expected_version`` was read.

    Raises ``PossibleDuplicate`` as for a new patient, where the change makes this one much like
    another whom it was not like before.
    """
    require(changed_by, Permission.WRITE_PATIENTS)
    alike_before = duplicates.candidates(Patient.objects.get(pk=patient.pk))
    known = {patient.pk} | {candidate.patient.pk for candidate in alike_before}
    stored = {name: getattr(patient, name) for name in IDENTITY_FIELDS} | {
        "birth_date": patient.born
    }
    _set_identity(patient, **stored | identity)
    reason = duplicate_reason.strip()
    alike = _check_duplicates(patient, reason, known=known)
    fields = {name: getattr(patient, name) for name in (*IDENTITY_FIELDS, *DERIVED_FIELDS)}
    try:
        with atomic():
            claim_record(patient.pk)
            before = Patient.objects.values(*STATED_FIELDS).get(pk=patient.pk)
            changed = Patient.objects.filter(pk=patient.pk, version=expected_version).update(
                **fields, version=expected_version + 1
            )
            if not changed:
                raise StaleVersion("Somebody changed this record meanwhile. Load it again.")
            identity_changing.send(sender=Patient, patient=patient)
            patient.version = expected_version + 1
            note(
                Action.PATIENT_UPDATED,
                patient,
                changed_by,
                fields=sorted(identity),
                private=_changes(before, fields) | ({"duplicate_reason": reason} if alike else {}),
                **({"alike": alike} if alike else {}),
            )
    except IntegrityError as error:
        raise _duplicate_number(patient) from error
    return patient


def _set_identity(patient: Patient, **identity: Any) -> None:
    born = identity.pop("birth_date")
    born = born if isinstance(born, PartialDate) else PartialDate(born)
    patient.birth_date, patient.birth_precision = born.first, born.precision
    for name, value in identity.items():
        setattr(patient, name, normalise_name(value) if isinstance(value, str) else value)
    patient.derive_keys()
    _check_identity(patient)


def _check_identity(patient: Patient) -> None:
    if not patient.record_number_key:
        raise Rejected("The medical record number is empty.", code="empty_record_number")
    today = timezone.localdate()
    if not OLDEST_BIRTH_DATE <= patient.birth_date <= today:
        raise InvalidDates("The birth date lies in the future or too far back.")
    if patient.deceased_date and not patient.birth_date <= patient.deceased_date <= today:
        raise InvalidDates("The date of death lies before birth or in the future.")
    if patient.phone and len(patient.phone_key) < FEWEST_PHONE_DIGITS:
        errors = {"phone": ["Type the number with its digits, or leave it empty."]}
        raise Rejected("Some fields are not valid.", code="invalid", errors=errors)
    check_fields(patient)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """Each field that differs, with what it was and what it is."""
    return {name: [old, after[name]] for name, old in before.items() if old != after[name]}


def _check_duplicates(patient: Patient, reason: str, *, known: Collection[UUID] = ()) -> list[str]:
    """The ids of those much like the patient; with a reason given they are no obstacle.

    Nor are those that were known to be.
    """
    found = [c for c in duplicates.candidates(patient) if c.patient.pk not in known]
    if any(other.patient.record_number_key == patient.record_number_key for other in found):
        raise _duplicate_number(patient)
    if found and len(reason) < MIN_REASON_CHARACTERS:
        raise PossibleDuplicate(
            "Somebody much like this is registered. Look whether it is the same person; if "
            "not, say why.",
            candidates=[
                {"patient_id": str(c.patient.pk), "likeness": c.likeness, "same": list(c.same)}
                for c in found
            ],
        )
    return [str(c.patient.pk) for c in found]


def _duplicate_number(patient: Patient) -> DuplicateRecordNumber:
    other = Patient.objects.filter(
        clinic_id=patient.clinic_id,
        record_number_key=normalise_record_number(patient.medical_record_number),
    ).first()
    return DuplicateRecordNumber(
        "A patient with this medical record number is registered already.",
        patient_id=str(survivor_of(other).pk) if other else None,
    )
