"""Therapy and pathology: put on record, and corrected by a new version."""

from datetime import date
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Inconsistent, Rejected
from patients.choices import PathologyResult
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from patients.services.facts import InvalidDates, add_fact, amend_fact

COURSE_FIELDS = (
    "kind",
    "regimen",
    "intent",
    "planned_cycles",
    "start_date",
    "end_date",
    "stop_reason",
)
CYCLE_FIELDS = ("number", "given_date", "last_date", "dose_percent", "dose_reason")
PATHOLOGY_FIELDS = (
    "laterality",
    "result",
    "report_date",
    "specimen",
    "histology",
    "grade",
    "estrogen_receptor",
    "progesterone_receptor",
    "her2",
    "ki67_percent",
)
OF_CANCER_ONLY = (
    "histology",
    "grade",
    "estrogen_receptor",
    "progesterone_receptor",
    "her2",
    "ki67_percent",
)


class DuplicateCycle(Conflict):
    code = "duplicate_cycle"


class OverlappingCycles(Inconsistent):
    code = "overlapping_cycles"


class ContradictoryTherapy(Inconsistent):
    code = "contradictory_therapy"


class ContradictoryPathology(Inconsistent):
    code = "contradictory_pathology"


@retry_on_conflict
def record_course(patient: Patient, *, recorded_by: User, **values: Any) -> TherapyCourse:
    """Put a course on record; ``values`` are ``COURSE_FIELDS``."""
    require(recorded_by, Permission.WRITE_THERAPY)
    course = TherapyCourse(clinic_id=patient.clinic_id, patient=patient, **_tidy(values))
    _check_course(course)
    return add_fact(course, Action.THERAPY_RECORDED, recorded_by)


@retry_on_conflict
def amend_course(
    course: TherapyCourse, *, expected_version: int, recorded_by: User, **values: Any
) -> TherapyCourse:
    """Correct a course, or end it; its cycles have to fit in still."""
    require(recorded_by, Permission.WRITE_THERAPY)
    with atomic():
        _set(course, _tidy(values))
        _check_course(course)
        cycles = TherapyCycle.objects.filter(course=course)
        for cycle in cycles:
            _check_cycle_in_course(cycle, course)
        cycles.note_change()
        return amend_fact(
            course, expected_version=expected_version, actor=recorded_by, **_tidy(values)
        )


@retry_on_conflict
def record_cycle(
    course: TherapyCourse, *, number: int, given_date: date, recorded_by: User, **values: Any
) -> TherapyCycle:
    """Put a cycle on record; ``values`` are the others of ``CYCLE_FIELDS``."""
    require(recorded_by, Permission.WRITE_THERAPY)
    cycle = TherapyCycle(
        clinic_id=course.clinic_id,
        patient_id=course.patient_id,
        course=course,
        number=number,
        given_date=given_date,
        **values,
    )
    try:
        with atomic():  # of two cycles at once, the second sees the first when it runs again
            add_fact(cycle, Action.CYCLE_RECORDED, recorded_by)
            _check_cycle(cycle)
    except IntegrityError as error:
        raise DuplicateCycle(_on_record(number)) from error
    return cycle


@retry_on_conflict
def amend_cycle(
    cycle: TherapyCycle, *, expected_version: int, recorded_by: User, **values: Any
) -> TherapyCycle:
    require(recorded_by, Permission.WRITE_THERAPY)
    try:
        with atomic():
            _set(cycle, values)
            amend_fact(cycle, expected_version=expected_version, actor=recorded_by, **values)
            _check_cycle(cycle)
    except IntegrityError as error:
        raise DuplicateCycle(_on_record(cycle.number)) from error
    return cycle


@retry_on_conflict
def record_pathology(patient: Patient, *, recorded_by: User, **values: Any) -> PathologyReport:
    """Put a report on record; ``values`` are ``PATHOLOGY_FIELDS``."""
    require(recorded_by, Permission.WRITE_THERAPY)
    report = PathologyReport(clinic_id=patient.clinic_id, patient=patient, **values)
    _check_report(report)
    return add_fact(report, Action.PATHOLOGY_RECORDED, recorded_by)


@retry_on_conflict
def amend_pathology(
    report: PathologyReport, *, expected_version: int, recorded_by: User, **values: Any
) -> PathologyReport:
    require(recorded_by, Permission.WRITE_THERAPY)
    _set(report, values)
    _check_report(report)
    return amend_fact(report, expected_version=expected_version, actor=recorded_by, **values)


def _tidy(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.strip() if isinstance(value, str) else value for name, value in values.items()
    }


def _set(fact: TherapyCourse | TherapyCycle | PathologyReport, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(fact, name, value)


def _check_course(course: TherapyCourse) -> None:
    if course.start_date < course.patient.birth_date:
        raise InvalidDates("The therapy starts before the patient's birth.")
    if course.end_date and course.end_date < course.start_date:
        raise InvalidDates("The therapy ends before it starts.")
    if course.stop_reason and not course.end_date:
        raise ContradictoryTherapy("A reason for the end needs the last day.")


def _check_cycle(cycle: TherapyCycle) -> None:
    """Against its course and the other cycles as they stand now, inside the transaction."""
    course = TherapyCourse.objects.get(pk=cycle.course_id)
    _check_cycle_in_course(cycle, course)
    if cycle.last_date and cycle.last_date < cycle.given_date:
        raise InvalidDates("The cycle ends before it starts.")
    if cycle.dose_changed != bool(cycle.dose_reason):
        raise ContradictoryTherapy("A changed dose needs its reason, and a reason a changed dose.")
    for other in TherapyCycle.objects.filter(course=course).exclude(pk=cycle.pk):
        earlier, later = sorted((cycle, other), key=lambda c: c.number)
        if (earlier.last_date or earlier.given_date) >= later.given_date:
            raise OverlappingCycles(
                _(
                    "Cycles %(earlier)s and %(later)s overlap: each begins after the one before "
                    "it has ended."
                )
                % {"earlier": earlier.number, "later": later.number}
            )


def _check_cycle_in_course(cycle: TherapyCycle, course: TherapyCourse) -> None:
    last = cycle.last_date or cycle.given_date
    if cycle.given_date < course.start_date or (course.end_date and last > course.end_date):
        raise InvalidDates("The cycle lies outside its course.")
    if course.planned_cycles and cycle.number > course.planned_cycles:
        sentence = _("The course has %(number)s cycles.") % {"number": course.planned_cycles}
        raise Rejected(sentence, code="cycle_not_planned")


def _check_report(report: PathologyReport) -> None:
    if report.report_date > timezone.localdate() or report.report_date < report.patient.birth_date:
        raise InvalidDates("The report's date lies outside the patient's life.")
    if report.result == PathologyResult.BENIGN:
        given = [name for name in OF_CANCER_ONLY if getattr(report, name)]
        if given:
            raise ContradictoryPathology(
                "A benign result has no histology of cancer, grade or receptors.", fields=given
            )


def _on_record(number: int) -> str:
    return _("Cycle %(number)s is on record already.") % {"number": number}
