"""Where a day lies in the therapy: "after cycle 4 of 8, day 12"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from patients.models import TherapyCourse, TherapyCycle


@dataclass(frozen=True, kw_only=True)
class TherapyPlace:
    """Days are counted as oncologists do: the day a cycle is given is its day 1."""

    course_id: UUID
    regimen: str
    cycle: int | None  # the last given by that day
    planned_cycles: int | None
    day: int | None
    label: str


def therapy_place(
    courses: Sequence[TherapyCourse], cycles: Sequence[TherapyCycle], day: date
) -> TherapyPlace | None:
    """The place of a day among courses and cycles; None where no therapy is on record.

    Of the courses that run on the day, the one whose cycle was given last counts, then the
    one that began last. On no running course, it is the one that ended last; before all of
    them, the first.
    """
    running = [c for c in courses if c.start_date <= day and (not c.end_date or day <= c.end_date)]
    ended = [c for c in courses if c.end_date and c.end_date < day]
    if running:
        return _during(
            max(running, key=lambda c: (_last_given(c, cycles, day), c.start_date)), cycles, day
        )
    if ended:
        return _after(max(ended, key=lambda c: c.end_date or c.start_date), cycles, day)
    if courses:
        return _before(min(courses, key=lambda c: c.start_date))
    return None


def _given(course: TherapyCourse, cycles: Sequence[TherapyCycle], day: date) -> list[TherapyCycle]:
    mine = (c for c in cycles if c.course_id == course.pk and c.given_date <= day)
    return sorted(mine, key=lambda c: c.given_date)


def _last_given(course: TherapyCourse, cycles: Sequence[TherapyCycle], day: date) -> date:
    given = _given(course, cycles, day)
    return given[-1].given_date if given else date.min


def _during(course: TherapyCourse, cycles: Sequence[TherapyCycle], day: date) -> TherapyPlace:
    given = _given(course, cycles, day)
    if given:
        last = given[-1]
        in_cycle = (day - last.given_date).days + 1
        label = f"{course.regimen}: after cycle {last.number}{_of(course)}, day {in_cycle}"
        return _place(course, label, cycle=last.number, day=in_cycle)
    in_course = (day - course.start_date).days + 1
    if course.planned_cycles:
        return _place(course, f"{course.regimen}: before cycle 1{_of(course)}", day=in_course)
    return _place(course, f"on {course.regimen}, day {in_course}", day=in_course)


def _after(course: TherapyCourse, cycles: Sequence[TherapyCycle], day: date) -> TherapyPlace:
    given = _given(course, cycles, day)
    since = (day - (course.end_date or day)).days
    days = "1 day" if since == 1 else f"{since} days"
    number = given[-1].number if given else None
    in_all = f", {number}{_of(course)} cycles given" if given else ""
    return _place(course, f"{days} after the end of {course.regimen}{in_all}", cycle=number)


def _before(course: TherapyCourse) -> TherapyPlace:
    return _place(course, f"before {course.regimen}")


def _of(course: TherapyCourse) -> str:
    return f" of {course.planned_cycles}" if course.planned_cycles else ""


def _place(
    course: TherapyCourse, label: str, *, cycle: int | None = None, day: int | None = None
) -> TherapyPlace:
    return TherapyPlace(
        course_id=course.pk,
        regimen=course.regimen,
        cycle=cycle,
        planned_cycles=course.planned_cycles,
        day=day,
        label=label,
    )
