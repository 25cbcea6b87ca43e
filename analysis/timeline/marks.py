"""Points in time with their words: pathology and decisions, packed into as few rows as fit."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from analysis.presenters.words import proposal_label
from analysis.selectors import PatientRecord
from analysis.timeline.axis import Axis
from analysis.timeline.words import pathology_text, position_text

MARK_HEIGHT = 30
MARK_GAP = 14
LETTER_WIDTH = 6.6


@dataclass(frozen=True)
class Mark:
    """A point in time; its words stand left of it where there is no room to the right."""

    x: float
    label: str
    kind: str
    anchor: str
    text_x: int
    top: float


def pathology_marks(record: PatientRecord, axis: Axis) -> list[Mark]:
    return [
        _mark(axis, report.report_date, pathology_text(report), report.result.lower())
        for report in record.pathology
    ]


def decision_marks(record: PatientRecord, axis: Axis) -> list[Mark]:
    pictures = {mammogram.pk: position_text(mammogram) for mammogram in record.mammograms}
    positions = {found.pk: pictures[found.current_id] for found in record.recommendations}
    return [
        _mark(
            axis,
            decision.signed_at.date(),
            f"{positions[decision.recommendation_id]}: {proposal_label(decision.choice).lower()}",
            "accepted" if decision.follows_proposal else "overridden",
        )
        for decision in reversed(record.decisions)
    ]


def packed(marks: Iterable[Mark], *, top: float) -> tuple[list[Mark], float]:
    """Put each mark into the first row where its words fit; returns them with the next free y."""
    ends: list[float] = []
    placed = []
    for mark in sorted(marks, key=_start_of):
        row = next((i for i, end in enumerate(ends) if end < _start_of(mark)), len(ends))
        ends[row : row + 1] = [_start_of(mark) + _width_of(mark)]
        placed.append(replace(mark, top=top + row * MARK_HEIGHT))
    return placed, top + MARK_HEIGHT * max(len(ends), 1)


def _mark(axis: Axis, day: date, label: str, kind: str) -> Mark:
    x = axis.x(day)
    if x + MARK_GAP + len(label) * LETTER_WIDTH > axis.width:
        return Mark(x, label, kind, anchor="end", text_x=-MARK_GAP, top=0)
    return Mark(x, label, kind, anchor="start", text_x=MARK_GAP, top=0)


def _start_of(mark: Mark) -> float:
    left_of_x = MARK_GAP if mark.anchor == "start" else _width_of(mark) - MARK_GAP
    return mark.x - left_of_x


def _width_of(mark: Mark) -> float:
    return 2 * MARK_GAP + len(mark.label) * LETTER_WIDTH
