"""Therapy and pathology, and where a day stands in them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, in_scope, require
from mammotrack.errors import NotFound
from mammotrack.mongo.documents import aggregate, lookup, row_of
from patients.choices import PathologyResult, TherapyKind
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from patients.therapy_place import TherapyPlace, therapy_place


@dataclass(frozen=True)
class Treatment:
    """What was done to a patient, and whether analysis by computer is allowed."""

    courses: Sequence[TherapyCourse]
    cycles: Sequence[TherapyCycle]
    pathology: Sequence[PathologyReport]
    analysis_allowed: bool


def treatment_of(patient: Patient, *, analysis_allowed: bool) -> Treatment:
    """All three kinds in one query, as every view of a patient needs them."""
    kinds = (
        ("courses", TherapyCourse, "start_date"),
        ("cycles", TherapyCycle, "given_date"),
        ("pathology", PathologyReport, "report_date"),
    )
    pipeline = [
        {"$match": {"_id": patient.pk.hex}},
        {"$project": {"_id": True}},
        *(lookup(model, local="_id", foreign="patient_id", name=name) for name, model, _ in kinds),
    ]
    (found,) = aggregate(Patient, pipeline)
    in_order: dict[str, Any] = {
        name: sorted((row_of(model, each) for each in found[name]), key=attrgetter(day, "pk"))
        for name, model, day in kinds
    }
    return Treatment(**in_order, analysis_allowed=analysis_allowed)


def courses_of(patient: Patient) -> QuerySet[TherapyCourse]:
    return TherapyCourse.objects.filter(patient=patient).order_by("start_date", "pk")


def course_of(patient: Patient, course_id: UUID) -> TherapyCourse:
    """The patient's course, or ``NotFound``."""
    course = courses_of(patient).select_related("patient").filter(pk=course_id).first()
    if course is None:
        raise NotFound("There is no such course of therapy.")
    return course


def course_visible_to(user: User, course_id: UUID) -> TherapyCourse:
    """The course, or ``NotFound``: absent and another clinic's look the same."""
    require(user, Permission.READ_PATIENTS)
    course = (
        TherapyCourse.objects.filter(in_scope(user))
        .select_related("patient")
        .filter(pk=course_id)
        .first()
    )
    if course is None:
        raise NotFound("There is no such course of therapy.")
    return course


def cycles_given_in(course: TherapyCourse) -> QuerySet[TherapyCycle]:
    return TherapyCycle.objects.filter(course=course).order_by("number")


def cycle_of(course: TherapyCourse, cycle_id: UUID) -> TherapyCycle:
    """The course's cycle, or ``NotFound``."""
    cycle = cycles_given_in(course).select_related("course").filter(pk=cycle_id).first()
    if cycle is None:
        raise NotFound("There is no such cycle.")
    return cycle


def place_in_therapy(patient_id: UUID, day: date) -> TherapyPlace | None:
    """Where that day lies in the patient's therapy."""
    courses = list(TherapyCourse.objects.filter(patient_id=patient_id))
    return therapy_place(courses, list(TherapyCycle.objects.filter(patient_id=patient_id)), day)


def chemotherapy_at(patient: Patient, on: date) -> TherapyCourse | None:
    """The chemotherapy course that had started by that day and had not ended before it."""
    return (
        TherapyCourse.objects.filter(
            Q(end_date=None) | Q(end_date__gte=on),
            patient=patient,
            kind=TherapyKind.CHEMOTHERAPY,
            start_date__lte=on,
        )
        .order_by("-start_date", "pk")
        .first()
    )


def cycles_given_by(course: TherapyCourse, on: date) -> int:
    return TherapyCycle.objects.filter(course=course, given_date__lte=on).count()


def report_of(patient: Patient, report_id: UUID) -> PathologyReport:
    """The patient's pathology report, or ``NotFound``."""
    report = pathology_of(patient).select_related("patient").filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    return report


def pathology_of(patient: Patient) -> QuerySet[PathologyReport]:
    return PathologyReport.objects.filter(patient=patient).order_by("report_date", "pk")


def newest_pathology(patient_ids: Collection[UUID], laterality: str) -> dict[UUID, str]:
    """The latest result of that breast, for those patients who have one."""
    reports = PathologyReport.objects.filter(patient_id__in=patient_ids, laterality=laterality)
    return dict(
        reports.order_by("report_date", "created_at", "pk").values_list("patient_id", "result")
    )


def has_malignant_pathology(patient: Patient, *, laterality: str, on: date) -> bool:
    """Whether cancer of that breast was proven by that day."""
    return PathologyReport.objects.filter(
        patient=patient,
        laterality=laterality,
        result=PathologyResult.MALIGNANT,
        report_date__lte=on,
    ).exists()
