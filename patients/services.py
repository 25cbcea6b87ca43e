"""Writes of the patient record: each checks role, scope and rules, and leaves an audit entry."""

from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from mammotrack.accounts.models import Clinic, User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, NotFound, Rejected, StaleVersion
from patients.models import (
    PathologyReport,
    Patient,
    PatientFact,
    TherapyCourse,
    TherapyCycle,
    normalise_record_number,
)

Fact = TypeVar("Fact", bound=PatientFact)

OLDEST_BIRTH_DATE = date(1880, 1, 1)
IDENTITY_FIELDS = ("medical_record_number", "family_name", "given_name", "birth_date", "sex")


class DuplicateRecordNumber(Conflict):
    code = "duplicate_record_number"


class DuplicateCycle(Conflict):
    code = "duplicate_cycle"


class InvalidDates(Rejected):
    code = "invalid_dates"


@retry_on_conflict
def register_patient(
    *,
    clinic_id: UUID,
    medical_record_number: str,
    family_name: str,
    given_name: str,
    birth_date: date,
    sex: str,
    registered_by: User,
) -> Patient:
    """Create the patient; ``DuplicateRecordNumber`` when the clinic has that number already."""
    require(registered_by, Permission.WRITE_PATIENTS)
    clinic = Clinic.objects.filter(pk=clinic_id, pk__in=registered_by.clinic_ids).first()
    if clinic is None:
        raise NotFound("There is no such clinic.")
    patient = Patient(
        clinic=clinic,
        medical_record_number=medical_record_number.strip(),
        family_name=family_name.strip(),
        given_name=given_name.strip(),
        birth_date=birth_date,
        sex=sex,
    )
    _check_identity(patient)
    try:
        with atomic():
            patient.save(force_insert=True)
            _record(Action.PATIENT_REGISTERED, patient, patient, registered_by)
    except IntegrityError as error:
        raise _duplicate_number(patient) from error
    return patient


@retry_on_conflict
def update_patient(
    patient: Patient, *, expected_version: int, changed_by: User, **identity: str | date
) -> Patient:
    """Change identity fields, provided nobody else did since ``expected_version`` was read."""
    require(changed_by, Permission.WRITE_PATIENTS)
    for name in IDENTITY_FIELDS:
        value = identity.get(name, getattr(patient, name))
        setattr(patient, name, value.strip() if isinstance(value, str) else value)
    _check_identity(patient)
    fields = {name: getattr(patient, name) for name in (*IDENTITY_FIELDS, "record_number_key")}
    try:
        with atomic():
            before = Patient.objects.values(*IDENTITY_FIELDS).get(pk=patient.pk)
            changed = Patient.objects.filter(pk=patient.pk, version=expected_version).update(
                **fields, version=expected_version + 1
            )
            if not changed:
                raise StaleVersion("Somebody changed this record meanwhile. Load it again.")
            patient.version = expected_version + 1
            _record(
                Action.PATIENT_UPDATED,
                patient,
                patient,
                changed_by,
                fields=sorted(identity),
                private=_changes(before, fields),
            )
    except IntegrityError as error:
        raise _duplicate_number(patient) from error
    return patient


@retry_on_conflict
def record_course(
    patient: Patient,
    *,
    kind: str,
    regimen: str,
    planned_cycles: int | None,
    start_date: date,
    end_date: date | None,
    recorded_by: User,
) -> TherapyCourse:
    require(recorded_by, Permission.WRITE_THERAPY)
    course = TherapyCourse(
        clinic_id=patient.clinic_id,
        patient=patient,
        kind=kind,
        regimen=regimen.strip(),
        planned_cycles=planned_cycles,
        start_date=start_date,
        end_date=end_date,
    )
    if start_date < patient.birth_date:
        raise InvalidDates("The therapy starts before the patient's birth.")
    if end_date and end_date < start_date:
        raise InvalidDates("The therapy ends before it starts.")
    return _add_fact(course, Action.THERAPY_RECORDED, recorded_by)


@retry_on_conflict
def record_cycle(
    course: TherapyCourse, *, number: int, given_date: date, recorded_by: User
) -> TherapyCycle:
    require(recorded_by, Permission.WRITE_THERAPY)
    if given_date < course.start_date or (course.end_date and given_date > course.end_date):
        raise InvalidDates("The cycle lies outside its course.")
    if course.planned_cycles and number > course.planned_cycles:
        raise Rejected(f"The course has {course.planned_cycles} cycles.", code="cycle_not_planned")
    cycle = TherapyCycle(
        clinic_id=course.clinic_id,
        patient_id=course.patient_id,
        course=course,
        number=number,
        given_date=given_date,
    )
    try:
        return _add_fact(cycle, Action.CYCLE_RECORDED, recorded_by)
    except IntegrityError as error:
        raise DuplicateCycle(f"Cycle {number} is on record already.") from error


@retry_on_conflict
def record_pathology(
    patient: Patient, *, laterality: str, result: str, report_date: date, recorded_by: User
) -> PathologyReport:
    require(recorded_by, Permission.WRITE_THERAPY)
    if report_date > timezone.localdate() or report_date < patient.birth_date:
        raise InvalidDates("The report's date lies outside the patient's life.")
    report = PathologyReport(
        clinic_id=patient.clinic_id,
        patient=patient,
        laterality=laterality,
        result=result,
        report_date=report_date,
    )
    return _add_fact(report, Action.PATHOLOGY_RECORDED, recorded_by)


def _changes(before: dict[str, object], after: dict[str, object]) -> dict[str, list[object]]:
    """Each field that differs, with what it was and what it is."""
    return {name: [old, after[name]] for name, old in before.items() if old != after[name]}


def _add_fact(fact: Fact, action: Action, actor: User) -> Fact:
    _check(fact)
    with atomic():
        fact.save(force_insert=True)
        _record(action, fact, fact.patient, actor)
    return fact


def _check_identity(patient: Patient) -> None:
    patient.record_number_key = normalise_record_number(patient.medical_record_number)
    if not patient.record_number_key:
        raise Rejected("The medical record number is empty.", code="empty_record_number")
    if not OLDEST_BIRTH_DATE <= patient.birth_date <= timezone.localdate():
        raise InvalidDates("The birth date lies in the future or too far back.")
    _check(patient)


def _check(record: Patient | PatientFact) -> None:
    """Hold the record against its fields' own limits; uniqueness is the database's to decide."""
    try:
        record.clean_fields(exclude=["clinic", "patient", "course"])
    except ValidationError as error:
        raise Rejected(
            "Some fields are not valid.", code="invalid", errors=error.message_dict
        ) from error


def _duplicate_number(patient: Patient) -> DuplicateRecordNumber:
    other = Patient.objects.filter(
        clinic_id=patient.clinic_id, record_number_key=patient.record_number_key
    ).first()
    return DuplicateRecordNumber(
        "A patient with this medical record number is registered already.",
        patient_id=str(other.pk) if other else None,
    )


def _record(
    action: Action, subject: Patient | PatientFact, patient: Patient, actor: User, **detail: Any
) -> None:
    audit.record(
        action,
        subject=subject,
        clinic_id=subject.clinic_id,
        patient_id=patient.pk,
        actor=actor,
        **detail,
    )
