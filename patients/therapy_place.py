"""Where a day lies in the therapy: "after cycle 4 of 8, day 12"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
        label = _("%(regimen)s: after cycle %(cycle)s, day %(day)s") % {
            "regimen": course.regimen,
            "cycle": _counted(last.number, course),
            "day": in_cycle,
        }
        return _place(course, label, cycle=last.number, day=in_cycle)
    in_course = (day - course.start_date).days + 1
    if course.planned_cycles:
        label = _("%(regimen)s: before cycle %(cycle)s")
        words = {"regimen": course.regimen, "cycle": _counted(1, course)}
        return _place(course, label % words, day=in_course)
    label = _("on %(regimen)s, day %(day)s") % {"regimen": course.regimen, "day": in_course}
    return _place(course, label, day=in_course)


def _after(course: TherapyCourse, cycles: Sequence[TherapyCycle], day: date) -> TherapyPlace:
    given = _given(course, cycles, day)
    since = (day - (course.end_date or day)).days
    label = ngettext(
        "%(days)s day after the end of %(regimen)s",
        "%(days)s days after the end of %(regimen)s",
        since,
    ) % {"days": since, "regimen": course.regimen}
    if not given:
        return _place(course, label)
    number = given[-1].number
    label += _(", %(cycles)s cycles given") % {"cycles": _counted(number, course)}
    return _place(course, label, cycle=number)


def _before(course: TherapyCourse) -> TherapyPlace:
    return _place(course, _("before %(regimen)s") % {"regimen": course.regimen})


def _counted(number: int, course: TherapyCourse) -> str:
    """For example 4 of 8."""
    if not course.planned_cycles:
        return str(number)
    return _("%(number)s of %(planned)s") % {"number": number, "planned": course.planned_cycles}


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
