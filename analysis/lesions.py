"""Marked masses and their sizes over time, put together from what the comparisons measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from analysis.models import Comparison, LesionMark
from analysis.size_category import LesionSize, SizedDate, size_course
from scans.models import Mammogram


@dataclass(frozen=True)
class FollowedLesion:
    """One mass of one breast and view: its mark that holds, and its size on each date."""

    number: int
    mark: LesionMark
    course: list[SizedDate]

    @property
    def label(self) -> str:
        """As it stands beside a circle."""
        return f"L{self.number}"

    def is_on(self, mammogram: Mammogram | None) -> bool:
        """Whether it was marked on this picture."""
        return mammogram is not None and self.mark.mammogram_id == mammogram.pk


def standing(marks: Iterable[LesionMark]) -> list[LesionMark]:
    """The marks that hold, each in the place of the first that it superseded.

    ``marks`` are all of a picture or of a patient, oldest first.
    """
    places: dict[UUID, LesionMark] = {}
    first: dict[UUID, UUID] = {}
    for mark in marks:
        first[mark.pk] = first.get(mark.supersedes_id, mark.pk) if mark.supersedes_id else mark.pk
        places[first[mark.pk]] = mark
    return list(places.values())


def followed_lesions(
    marks: Sequence[LesionMark], comparisons: Iterable[Comparison]
) -> list[FollowedLesion]:
    """The masses of a patient, numbered within breast and view in the order they were marked.

    ``comparisons``: at these marks, oldest first; of two at one pair the newer counts.
    """
    at_mark: dict[UUID, dict[UUID, Comparison]] = {}
    for comparison in comparisons:
        if comparison.mark_id:
            at_mark.setdefault(comparison.mark_id, {})[comparison.current_id] = comparison
    numbers: dict[object, int] = {}
    lesions = []
    for mark in standing(marks):
        position = mark.mammogram.position
        numbers[position] = numbers.get(position, 0) + 1
        measured = [
            (each.current.exam_date, each.lesion)
            for each in at_mark.get(mark.pk, {}).values()
            if each.lesion
        ]
        course = size_course(sizes_of(mark.mammogram.exam_date, measured), is_new=mark.is_new)
        lesions.append(FollowedLesion(numbers[position], mark, course))
    return lesions


def sizes_of(marked_on: date, measured: Sequence[tuple[date, dict[str, Any]]]) -> list[LesionSize]:
    """The size on the marked picture and on each later one.

    ``measured``: the day of the later picture with what ``Comparison.lesion`` holds. Each measures
    the marked picture anew and alike, so the first is taken.
    """
    marked_mm = measured[0][1]["prior_mm"] if measured else None
    return [
        LesionSize(day=marked_on, diameter_mm=marked_mm),
        *(
            LesionSize(
                day=day, diameter_mm=lesion["current_mm"], measurable=lesion["still_visible"]
            )
            for day, lesion in measured
        ),
    ]
