"""Blind readings: what is to be read, what was read, and where two readers differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.db.models import Q, QuerySet

from analysis.blinding import reads_blind
from analysis.models import Arbitration, Reading
from analysis.selectors.visible import arbitrations_visible_to, readings_visible_to
from mammotrack.accounts.models import User
from patients.selectors import archived_patients
from scans import selectors as scans
from scans.models import Exam, Mammogram, Position

MOST_TO_SETTLE = 2000  # of the newest readings, looked through for two that differ


def exams_to_read(user: User) -> QuerySet[Exam]:
    """What the user has not read yet, of the clinics that read blind, newest first.

    An archived record takes no readings.
    """
    if not reads_blind(user):
        return Exam.objects.none()
    due = Q()
    for clinic_id, since in user.blind_clinics.items():
        due |= Q(clinic_id=clinic_id, created_at__gte=since)
    read = Reading.objects.filter(reader=user, clinic_id__in=list(user.blind_clinics))
    closed = archived_patients(user).order_by().values_list("pk", flat=True)
    return (
        scans.exams_visible_to(user)
        .filter(due)
        .exclude(pk__in=list(read.values_list("exam_id", flat=True)))
        .exclude(patient_id__in=list(closed))
        .select_related("patient")
        .order_by("-created_at", "-pk")
    )


@dataclass(frozen=True)
class BreastRead:
    """One breast of an exam: who saw what in it, in the order of reading, and what holds."""

    exam_id: UUID
    laterality: str
    readings: Sequence[Reading]
    arbitration: Arbitration | None

    @property
    def first_two(self) -> Sequence[Reading]:
        return [reading for reading in self.readings if reading.revision == 1][:2]

    @property
    def differs(self) -> bool:
        return len({reading.category for reading in self.first_two}) == 2

    @property
    def read_by(self) -> set[UUID]:
        return {reading.reader_id for reading in self.first_two}


def breasts_read(exam: Exam, *, user: User) -> list[BreastRead]:
    """The readings of an exam as far as the user may see them."""
    rows = readings_visible_to(user).filter(exam=exam).order_by("laterality", "created_at", "pk")
    ruled = {each.laterality: each for each in arbitrations_visible_to(user).filter(exam=exam)}
    return [
        BreastRead(exam.pk, laterality, list(readings), ruled.get(laterality))
        for laterality, readings in groupby(rows, key=lambda reading: reading.laterality)
    ]


def breasts_to_settle(user: User) -> list[Exam]:
    """Exams that the user may settle: two other doctors' readings of a breast differ.

    Of the newest readings; which differ shows, what they say does not.
    """
    if not reads_blind(user):
        return []
    blind = list(user.blind_clinics)
    newest = Reading.objects.filter(clinic_id__in=blind, revision=1).order_by("-created_at", "-pk")
    by_breast: dict[tuple[UUID, str], list[tuple[UUID, str]]] = {}
    for exam_id, side, reader_id, category in reversed(
        newest.values_list("exam_id", "laterality", "reader_id", "category")[:MOST_TO_SETTLE]
    ):
        by_breast.setdefault((exam_id, side), []).append((reader_id, category))
    settled = set(
        Arbitration.objects.filter(clinic_id__in=blind).values_list("exam_id", "laterality")
    )
    exam_ids = {
        breast[0]
        for breast, read in by_breast.items()
        if len({category for _, category in read[:2]}) == 2
        and user.pk not in {reader_id for reader_id, _ in read[:2]}
        and breast not in settled
    }
    found = scans.exams_visible_to(user).filter(pk__in=list(exam_ids), patient__archived_at=None)
    return list(found.select_related("patient").order_by("-created_at", "-pk"))


def earlier_pictures(exam: Exam) -> dict[Position, Mammogram]:
    """By breast and view, the latest picture before the exam."""
    before = scans.mammograms_of(exam.patient).filter(exam_date__lt=exam.exam_date)
    return {mammogram.position: mammogram for mammogram in before}
