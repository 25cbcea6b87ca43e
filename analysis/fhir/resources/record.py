"""The patient and the treatment."""

from analysis.fhir import codes
from analysis.fhir.codes import Json, coding, concept
from analysis.fhir.resources.elements import (
    day,
    filled,
    listed,
    partial_date,
    period,
    reference,
    resource,
    subject,
)
from patients.choices import StopReason
from patients.models import Patient, TherapyCourse, TherapyCycle


def patient(row: Patient) -> Json:
    number = {
        "use": "usual",
        "type": concept(coding(codes.V2_IDENTIFIER, "MR")),
        "system": f"urn:uuid:{row.clinic_id}",
        "value": row.medical_record_number,
    }
    return resource("Patient", row, version=row.version) | filled(
        identifier=[number],
        active=row.archived_at is None,
        name=[filled(use="official", family=row.family_name, given=listed(row.given_name))],
        telecom=[{"system": "phone", "value": row.phone}] if row.phone else None,
        gender=codes.GENDER[row.sex],  # type: ignore[index]  # a choice
        birthDate=partial_date(row.born),
        deceasedDateTime=day(row.deceased_date),
    )


def procedure(row: TherapyCourse) -> Json:
    """A course of therapy."""
    known = codes.THERAPY.get(row.kind)  # type: ignore[call-overload]  # a choice
    code = [coding(codes.SCT, *known)] if known else []
    reason = row.get_stop_reason_display()
    stopped = row.stop_reason and row.stop_reason != StopReason.COMPLETED
    status = "in-progress" if not row.end_date else "stopped" if stopped else "completed"
    return resource("Procedure", row, version=row.version) | filled(
        status=status,
        statusReason=concept(text=reason) if reason else None,
        code=concept(*code, text=row.regimen),
        category=concept(text=row.get_kind_display()),
        subject=subject(row),
        performedPeriod=period(row.start_date, row.end_date),
    )


def medication_administration(row: TherapyCycle) -> Json:
    """One cycle of a course that gives medicines."""
    return resource("MedicationAdministration", row, version=row.version) | filled(
        partOf=[reference("Procedure", row.course_id)],
        status="completed",
        medicationCodeableConcept=concept(text=row.course.regimen),
        subject=subject(row),
        effectivePeriod=period(row.given_date, row.last_date or row.given_date),
        dosage={"text": f"Cycle {row.number}, {row.dose_percent} % of the dose planned"},
    )
