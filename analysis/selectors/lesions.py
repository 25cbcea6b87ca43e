"""Marked lesions, what was measured at them, and how they were described."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import QuerySet

from analysis.blinding import open_to
from analysis.lesions import FollowedLesion, followed_lesions, standing
from analysis.models import Comparison, Finding, LesionMark
from analysis.selectors.visible import findings_visible_to
from mammotrack.accounts.models import User
from patients.models import Patient
from scans.models import Mammogram


def marks_of(patient: Patient) -> QuerySet[LesionMark]:
    return (
        LesionMark.objects.filter(patient=patient)
        .select_related("mammogram", "marked_by")
        .order_by("created_at", "pk")
    )


def marks_followed_to(mammogram: Mammogram) -> list[LesionMark]:
    """The marks that hold on earlier pictures of the same breast and view."""
    return [
        mark
        for mark in standing(marks_of(mammogram.patient))
        if mark.mammogram.position == mammogram.position
        and mark.mammogram.exam_date < mammogram.exam_date
    ]


def comparisons_at_marks(patient: Patient) -> QuerySet[Comparison]:
    return (
        Comparison.objects.filter(patient=patient)
        .exclude(mark_key="")
        .select_related("current")
        .order_by("created_at", "pk")
    )


def comparisons_at(mark: LesionMark) -> QuerySet[Comparison]:
    return (
        Comparison.objects.filter(mark=mark).select_related("current").order_by("created_at", "pk")
    )


def followed_lesions_of(patient: Patient, *, user: User) -> list[FollowedLesion]:
    marks = list(marks_of(patient).filter(open_to(user, "mammogram")))
    measured = comparisons_at_marks(patient).filter(open_to(user, "current", "prior"))
    return followed_lesions(marks, measured) if marks else []


@dataclass(frozen=True)
class Lesion:
    """One mass in one mammogram: what is said of it now, and what was said before."""

    number: int
    current: Finding
    superseded: Sequence[Finding]


def lesions_of(mammogram: Mammogram, *, user: User) -> list[Lesion]:
    """Described masses by number; earlier revisions newest first."""
    found = findings_visible_to(user).filter(mammogram=mammogram).order_by("lesion", "-revision")
    lesions = []
    for number, revisions in groupby(found, key=lambda finding: finding.lesion):
        current, *superseded = revisions
        lesions.append(Lesion(number, current, superseded))
    return lesions
