"""The courses of therapy as bars, with the cycles given."""

from dataclasses import dataclass
from datetime import date

from analysis.selectors import PatientRecord
from analysis.timeline.axis import Axis, Tick
from analysis.timeline.words import course_text

COURSE_HEIGHT = 38
BAR_HEIGHT = 12


@dataclass(frozen=True)
class Bar:
    """One course of therapy with the cycles given."""

    x: float
    width: float
    top: float
    cycle_bottom: float
    text_y: float
    label: str
    kind: str
    goes_on: bool
    cycles: list[Tick]


def therapy_bars(record: PatientRecord, axis: Axis, *, top: float, today: date) -> list[Bar]:
    bars = []
    for index, course in enumerate(record.courses):
        end = course.end_date or max(min(today, axis.last), course.start_date)
        start_x, end_x = axis.x(course.start_date), axis.x(end)
        bars.append(
            Bar(
                x=start_x,
                width=max(round(end_x - start_x, 1), 3),
                top=top + index * COURSE_HEIGHT,
                cycle_bottom=top + index * COURSE_HEIGHT + BAR_HEIGHT + 3,
                text_y=top + index * COURSE_HEIGHT + BAR_HEIGHT + 15,
                label=course_text(course),
                kind=course.kind.lower(),
                goes_on=course.end_date is None,
                cycles=[
                    Tick(axis.x(cycle.given_date), str(cycle.number))
                    for cycle in record.cycles
                    if cycle.course_id == course.pk
                ],
            )
        )
    return bars
