"""The axis of clinical time: a date's x is proportional to the date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from django.utils.formats import date_format

LEFT, RIGHT_MARGIN = 132, 36
NARROWEST, WIDEST = 1120, 4800
AXIS_HEIGHT = 34
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 54, 72
FEWEST_DAYS = 60
TICK_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
TICK_WIDTH = 84


@dataclass(frozen=True)
class Axis:
    first: date
    last: date
    width: float

    def x(self, day: date) -> float:
        share = (day - self.first).days / (self.last - self.first).days
        return round(LEFT + share * (self.width - LEFT - RIGHT_MARGIN), 1)


@dataclass(frozen=True)
class Tick:
    x: float
    label: str


def axis_of(days: Iterable[date], exam_days: Iterable[date]) -> Axis:
    """Wide enough that thumbnails of two exam days stand side by side, up to a limit."""
    first, last = min(days), max(days)
    margin = timedelta(days=max((last - first).days // 20, 14))
    first, last = first - margin, max(last + margin, first + timedelta(days=FEWEST_DAYS))
    distinct = sorted(set(exam_days))
    closest = min(((b - a).days for a, b in pairwise(distinct)), default=FEWEST_DAYS)
    needed = LEFT + RIGHT_MARGIN + (last - first).days * (THUMBNAIL_WIDTH + 6) / closest
    return Axis(first, last, width=round(min(max(NARROWEST, needed), WIDEST)))


def ticks_on(axis: Axis) -> list[Tick]:
    months = (axis.last.year - axis.first.year) * 12 + axis.last.month - axis.first.month
    most = (axis.width - LEFT - RIGHT_MARGIN) / TICK_WIDTH
    step = next((step for step in TICK_MONTHS if months / step <= most), TICK_MONTHS[-1])
    ticks = []
    start = axis.first.year * 12 + axis.first.month  # the month after the first one
    for month in range(start + -start % step, start + months + step, step):
        day = date(month // 12, month % 12 + 1, 1)
        if axis.first <= day <= axis.last:
            ticks.append(
                Tick(
                    axis.x(day),
                    str(day.year) if step >= 12 else date_format(day, "YEAR_MONTH_FORMAT"),
                )
            )
    return ticks
