"""Reads of exams and mammograms, always for a user."""

from uuid import UUID

from django.db.models import QuerySet

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can, in_scope, require
from mammotrack.errors import NotFound
from patients.models import Patient
from scans.choices import UnmatchedState
from scans.models import Exam, Mammogram, UnmatchedFile


def exams_visible_to(user: User) -> QuerySet[Exam]:
    if not can(user, Permission.READ_SCANS):
        return Exam.objects.none()
    return Exam.objects.filter(in_scope(user))


def mammograms_visible_to(user: User) -> QuerySet[Mammogram]:
    if not can(user, Permission.READ_SCANS):
        return Mammogram.objects.none()
    return Mammogram.objects.filter(in_scope(user))


def mammogram_visible_to(user: User, mammogram_id: UUID) -> Mammogram:
    """The mammogram, or ``NotFound``: absent and another clinic's look the same."""
    require(user, Permission.READ_SCANS)
    mammogram = (
        mammograms_visible_to(user).select_related("patient").filter(pk=mammogram_id).first()
    )
    if mammogram is None:
        raise NotFound("There is no such mammogram.")
    return mammogram


def exam_visible_to(user: User, exam_id: UUID) -> Exam:
    """The exam, or ``NotFound``: absent and another clinic's look the same."""
    require(user, Permission.READ_SCANS)
    exam = exams_visible_to(user).select_related("patient", "clinic").filter(pk=exam_id).first()
    if exam is None:
        raise NotFound("There is no such exam.")
    return exam


def mammograms_of_exam(exam: Exam) -> QuerySet[Mammogram]:
    return Mammogram.objects.filter(exam=exam).order_by("laterality", "view", "pk")


def exams_of(patient: Patient) -> QuerySet[Exam]:
    return Exam.objects.filter(patient=patient).order_by("exam_date", "pk")


def mammograms_of(patient: Patient) -> QuerySet[Mammogram]:
    return Mammogram.objects.filter(patient=patient).order_by(
        "exam_date", "laterality", "view", "pk"
    )


def unmatched_files(user: User) -> QuerySet[UnmatchedFile]:
    """Those that wait, the oldest first."""
    require(user, Permission.MATCH_FILES)
    return UnmatchedFile.objects.filter(
        clinic_id__in=user.clinic_ids, state=UnmatchedState.WAITING
    ).order_by("created_at", "pk")


def unmatched_file_visible_to(user: User, file_id: UUID) -> UnmatchedFile:
    """The file that waits, or ``NotFound``."""
    file = unmatched_files(user).filter(pk=file_id).first()
    if file is None:
        raise NotFound("There is no such file that waits.")
    return file
