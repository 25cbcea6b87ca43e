"""Reads of the patient record, always for a user."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from uuid import UUID

from django.db.models import Q, QuerySet

from mammotrack.accounts.models import Clinic, User
from mammotrack.accounts.policy import Permission, can, in_scope, require
from mammotrack.errors import NotFound
from mammotrack.models import now
from patients.choices import PathologyResult, TherapyKind
from patients.errors import RecordMerged
from patients.models import (
    Consent,
    EmergencyAccess,
    HistoryEntry,
    PathologyReport,
    Patient,
    PatientMerge,
    TherapyCourse,
    TherapyCycle,
    normalise_record_number,
    records_of,
    survivor_of,
)
from patients.names import normalise_name
from patients.partial_dates import PartialDate
from patients.therapy_place import TherapyPlace, therapy_place

MOST_MERGED_FOUND = 20


def clinics_of(user: User) -> QuerySet[Clinic]:
    return Clinic.objects.filter(pk__in=user.clinic_ids).order_by("name", "pk")


def all_clinics() -> QuerySet[Clinic]:
    return Clinic.objects.order_by("name", "pk")


@dataclass(frozen=True)
class OpenEmergency:
    """What every page says of it; it loads nothing about the patient."""

    pk: UUID
    patient_id: UUID
    expires_at: datetime

    @property
    def minutes_left(self) -> int:
        return ceil((self.expires_at - now()).total_seconds() / 60)


def open_emergencies(user: User) -> list[OpenEmergency]:
    rows = EmergencyAccess.objects.filter(opened_by=user, ended_at=None, expires_at__gt=now())
    found = rows.order_by("expires_at").values_list("pk", "patient_id", "expires_at")
    return [OpenEmergency(*row) for row in found]


def own_access(user: User, access_id: UUID) -> EmergencyAccess:
    """The user's own, or ``NotFound``."""
    access = EmergencyAccess.objects.filter(opened_by=user, pk=access_id).first()
    if access is None:
        raise NotFound("There is no such access.")
    return access


def emergency_accesses(user: User) -> QuerySet[EmergencyAccess]:
    """To the records of the user's clinics, newest first."""
    require(user, Permission.READ_AUDIT)
    return (
        EmergencyAccess.objects.filter(clinic_id__in=user.clinic_ids)
        .select_related("clinic", "opened_by", "reviewed_by")
        .order_by("-created_at", "-pk")
    )


def emergency_access(user: User, access_id: UUID) -> EmergencyAccess:
    """One of them, or ``NotFound``."""
    access = emergency_accesses(user).filter(pk=access_id).first()
    if access is None:
        raise NotFound("There is no such access.")
    return access


def emergencies_since(moment: datetime) -> QuerySet[EmergencyAccess]:
    """Of every clinic, for the operator of this installation."""
    rows = EmergencyAccess.objects.filter(created_at__gte=moment)
    return rows.select_related("clinic", "opened_by").order_by("created_at", "pk")


def patients_visible_to(user: User) -> QuerySet[Patient]:
    if not can(user, Permission.READ_PATIENTS):
        return Patient.objects.none()
    return _in_scope(user).filter(merged_into=None)


def _in_scope(user: User) -> QuerySet[Patient]:
    return Patient.objects.filter(in_scope(user, patient="pk"))


def patient_visible_to(user: User, patient_id: UUID) -> Patient:
    """The patient, or ``NotFound``: absent and another clinic's look the same.

    Raises ``RecordMerged``, with the survivor's id, for a record that is part of another now.
    """
    require(user, Permission.READ_PATIENTS)
    patient = _in_scope(user).select_related("clinic").filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    if patient.merged_into_id:
        raise RecordMerged(
            "This record was merged into another one.", patient_id=str(survivor_of(patient).pk)
        )
    return patient


def all_merges_into(patient: Patient) -> QuerySet[PatientMerge]:
    """The merges into this record, the undone ones too, newest first."""
    return (
        PatientMerge.objects.filter(survivor=patient)
        .select_related("merged", "merged_by")
        .order_by("-created_at", "-pk")
    )


def merges_into(patient: Patient) -> QuerySet[PatientMerge]:
    """Those that still hold."""
    return all_merges_into(patient).filter(undone_at=None)


def merge_of(patient: Patient, merge_id: UUID) -> PatientMerge:
    """The merge into this record, or ``NotFound``."""
    merge = (
        PatientMerge.objects.filter(survivor=patient, pk=merge_id)
        .select_related("survivor", "merged", "merged_by")
        .first()
    )
    if merge is None:
        raise NotFound("There is no such merge.")
    return merge


def patient_with_number(patient: Patient, record_number: str) -> Patient:
    """Another patient of the same clinic by record number, or ``NotFound``."""
    other = Patient.objects.filter(
        clinic_id=patient.clinic_id,
        record_number_key=normalise_record_number(record_number),
        merged_into=None,
    ).first()
    if other is None or other.pk == patient.pk:
        raise NotFound("There is no other patient with this record number.")
    return other


def patient_of_number(clinic_id: UUID, record_number: str) -> Patient | None:
    """Who has this record number in the clinic; the survivor, where the record was merged."""
    key = normalise_record_number(record_number)
    found = Patient.objects.filter(clinic_id=clinic_id, record_number_key=key).first()
    return survivor_of(found) if found and key else None


def record_number_keys(patient: Patient) -> set[str]:
    """The patient's number and those of the records merged into it, as they are compared."""
    return {record.record_number_key for record in records_of(patient)}


def patients_by_id(user: User, patient_ids: Iterable[str | UUID]) -> list[Patient]:
    """Those of them the user may see, in the order given."""
    wanted = [UUID(str(patient_id)) for patient_id in patient_ids]
    found = patients_visible_to(user).in_bulk(wanted)
    return [found[patient_id] for patient_id in wanted if patient_id in found]


def archived_patients(user: User) -> QuerySet[Patient]:
    found = patients_visible_to(user).filter(archived_at__isnull=False)
    return found.order_by("family_name", "given_name", "pk")


def search_patients(user: User, text: str) -> QuerySet[Patient]:
    """Patients whose name starts with, or whose number is, what was typed; by name.

    Two words match family and given name in either order. A record that was merged is found
    as the one it is part of; an archived one is not found.
    """
    found = patients_visible_to(user).filter(archived_at=None)
    words = normalise_name(text).split()
    if not words:
        return found.order_by("family_name", "given_name", "pk")
    if len(words) == 1:
        matches = Q(family_name__istartswith=words[0]) | Q(given_name__istartswith=words[0])
    else:
        first, rest = words[0], " ".join(words[1:])
        matches = Q(family_name__istartswith=first, given_name__istartswith=rest) | Q(
            given_name__istartswith=first, family_name__istartswith=rest
        )
    matches |= Q(record_number_key=normalise_record_number(text))
    if born := _as_date(text):
        matches |= Q(birth_date__range=(born.first, born.last))
    merged = _in_scope(user).filter(matches, merged_into__isnull=False)[:MOST_MERGED_FOUND]
    survivors = [survivor_of(patient).pk for patient in merged]
    return found.filter(matches | Q(pk__in=survivors)).order_by("family_name", "given_name", "pk")


def _as_date(text: str) -> PartialDate | None:
    try:
        return PartialDate.parse(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Treatment:
    """What was done to a patient, and whether analysis by computer is allowed."""

    courses: Sequence[TherapyCourse]
    cycles: Sequence[TherapyCycle]
    pathology: Sequence[PathologyReport]
    analysis_allowed: bool


def treatment_of(patient: Patient, *, analysis_allowed: bool) -> Treatment:
    return Treatment(
        courses=list(courses_of(patient)),
        cycles=list(cycles_of(patient)),
        pathology=list(pathology_of(patient)),
        analysis_allowed=analysis_allowed,
    )


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


def report_of(patient: Patient, report_id: UUID) -> PathologyReport:
    """The patient's pathology report, or ``NotFound``."""
    report = pathology_of(patient).select_related("patient").filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    return report


def place_in_therapy(patient_id: UUID, day: date) -> TherapyPlace | None:
    """Where that day lies in the patient's therapy."""
    courses = list(TherapyCourse.objects.filter(patient_id=patient_id))
    return therapy_place(courses, list(TherapyCycle.objects.filter(patient_id=patient_id)), day)


def cycles_of(patient: Patient) -> QuerySet[TherapyCycle]:
    return TherapyCycle.objects.filter(patient=patient).order_by("given_date", "pk")


def pathology_of(patient: Patient) -> QuerySet[PathologyReport]:
    return PathologyReport.objects.filter(patient=patient).order_by("report_date", "pk")


def history_of(patient: Patient) -> QuerySet[HistoryEntry]:
    """Every entry, the retracted ones too, in the order of time."""
    return (
        HistoryEntry.objects.filter(patient=patient)
        .select_related("recorded_by")
        .order_by("began", "created_at", "pk")
    )


def history_entry_of(patient: Patient, entry_id: UUID) -> HistoryEntry:
    """The patient's entry, or ``NotFound``."""
    entry = history_of(patient).filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("There is no such entry.")
    return entry


def consents_of(patient: Patient) -> QuerySet[Consent]:
    """Every answer, newest first."""
    return (
        Consent.objects.filter(patient=patient)
        .select_related("recorded_by")
        .order_by("-created_at", "-pk")
    )


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
