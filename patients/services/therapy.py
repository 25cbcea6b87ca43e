"""Therapy and pathology put on record."""

from datetime import date

from django.db import IntegrityError
from django.utils import timezone

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.models import Action
from mammotrack.db import retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from patients.services.facts import InvalidDates, add_fact


class DuplicateCycle(Conflict):
    code = "duplicate_cycle"


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
    return add_fact(course, Action.THERAPY_RECORDED, recorded_by)


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
        return add_fact(cycle, Action.CYCLE_RECORDED, recorded_by)
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
    return add_fact(report, Action.PATHOLOGY_RECORDED, recorded_by)
