"""Patients and their treatment."""

from datetime import date, timedelta
from itertools import count
from typing import Any

from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.models import now
from patients.choices import Laterality, PathologyResult, Sex, TherapyKind
from patients.models import (
    EmergencyAccess,
    PathologyReport,
    Patient,
    TherapyCourse,
    TherapyCycle,
)
from tests.factories import create, insert
from tests.factories.accounts import make_clinic, make_user

_numbers = count(1)


def make_patient(clinic: Clinic | None = None, **fields: Any) -> Patient:
    number = next(_numbers)
    values = {
        "medical_record_number": f"MRN-{number:05}",
        "family_name": "Okafor",
        "given_name": f"Ada{number}",
        "birth_date": date(1970, 5, 17),
        "sex": Sex.FEMALE,
    } | fields
    patient = Patient(clinic=clinic or make_clinic(), **values)
    patient.derive_keys()
    return insert(patient)


def make_course(patient: Patient, **fields: Any) -> TherapyCourse:
    values = {
        "kind": TherapyKind.CHEMOTHERAPY,
        "regimen": "AC-T",
        "planned_cycles": 8,
        "start_date": date(2024, 1, 10),
    } | fields
    return create(TherapyCourse, clinic_id=patient.clinic_id, patient=patient, **values)


def make_cycle(course: TherapyCourse, number: int = 1, **fields: Any) -> TherapyCycle:
    return create(
        TherapyCycle,
        clinic_id=course.clinic_id,
        patient_id=course.patient_id,
        course=course,
        number=number,
        **{"given_date": course.start_date} | fields,
    )


def make_pathology(patient: Patient, **fields: Any) -> PathologyReport:
    values = {
        "laterality": Laterality.LEFT,
        "result": PathologyResult.MALIGNANT,
        "report_date": date(2024, 1, 3),
    } | fields
    return create(PathologyReport, clinic_id=patient.clinic_id, patient=patient, **values)


def make_emergency(
    patient: Patient, *, opened_by: User | None = None, **fields: Any
) -> EmergencyAccess:
    """An access that is open, unless it says otherwise."""
    values = {
        "reason": "Collapsed in the ward, unconscious.",
        "expires_at": now() + timedelta(minutes=30),
    } | fields
    return create(
        EmergencyAccess,
        clinic_id=patient.clinic_id,
        patient=patient,
        opened_by=opened_by or make_user(Role.DOCTOR),
        **values,
    )
