"""What the computer suggested over time, a row a breast: BI-RADS as steps, change as points.

The category of a date is that of its worst picture. The change has its noise band beneath it: in
there a pair differs no more than two films of an unchanged breast do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.exam_result import exam_result
from analysis.presenters.words import percent, percent_range, verdict_label

if TYPE_CHECKING:
    from uuid import UUID

    from analysis.models import Comparison, Recommendation
    from scans.models import Mammogram

BREASTS = {"L": "left", "R": "right"}
WORST = {
    "L": gettext_noop("Left breast, worst picture: BI-RADS %(category)s"),
    "R": gettext_noop("Right breast, worst picture: BI-RADS %(category)s"),
}
STEPS_HEIGHT, CHANGE_HEIGHT = 64, 64
PADDING = 16
LOWEST, HIGHEST = 2, 6
ASIDE = {"CC": -9.0, "MLO": 9.0}
"""Two views of one date are drawn beside each other; the line between them is the date."""


@dataclass(frozen=True)
class Step:
    """The worst category of one breast on one date."""

    x: float
    y: float
    category: str
    sentence: str


@dataclass(frozen=True)
class StepRow:
    label: str
    top: float
    steps: list[Step]
    line: str  # the points of a polyline: level until the next exam


@dataclass(frozen=True)
class ChangePoint:
    """One compared pair: its probability of change with the 95 % interval."""

    x: float
    y: float
    low_y: float
    high_y: float
    view: str
    kind: str
    sentence: str


@dataclass(frozen=True)
class ChangeRow:
    label: str
    top: float
    points: list[ChangePoint]
    band_top: float
    band_height: float
    bottom: float


def step_rows(
    recommendations: Iterable[Recommendation],
    pictures: dict[UUID, Mammogram],
    *,
    x: Callable[[date], float],
    top: float,
) -> list[StepRow]:
    """Rows of the breasts that have a category on some date."""
    newest = _newest(recommendations)
    by_day: dict[date, list[Recommendation]] = {}
    for found in newest:
        by_day.setdefault(pictures[found.current_id].exam_date, []).append(found)
    results = {
        day: exam_result(
            (pictures[each.current_id].laterality, each.current_prediction) for each in rows
        )
        for day, rows in sorted(by_day.items())
    }
    rows: list[StepRow] = []
    for side, name in BREASTS.items():
        row_top = top + STEPS_HEIGHT * len(rows)
        steps = [
            Step(
                x(day),
                _step_y(category, row_top),
                category,
                _(WORST[side]) % {"category": category},
            )
            for day, result in results.items()
            if (category := getattr(result, name))
        ]
        if steps:
            rows.append(StepRow(f"BI-RADS {side}", row_top, steps, _stairs(steps)))
    return rows


def change_rows(
    recommendations: Iterable[Recommendation],
    pictures: dict[UUID, Mammogram],
    *,
    x: Callable[[date], float],
    top: float,
) -> list[ChangeRow]:
    """Rows of the breasts of which some pair was comparable."""
    measured = [
        (pictures[found.current_id], found.comparison)
        for found in _newest(recommendations)
        if found.comparison and found.comparison.change_probability is not None
    ]
    rows: list[ChangeRow] = []
    for side in BREASTS:
        row_top = top + CHANGE_HEIGHT * len(rows)
        own = [(film, found) for film, found in measured if film.laterality == side]
        points = [_point(film, found, x(film.exam_date), row_top) for film, found in own]
        if not points:
            continue
        thresholds = [found.change_threshold for film, found in own if found.change_threshold]
        band_top = _change_y(max(thresholds, default=0.0), row_top)
        bottom = _change_y(0.0, row_top)
        rows.append(
            ChangeRow(
                _("Change %(side)s") % {"side": side},
                row_top,
                points,
                band_top,
                round(bottom - band_top, 1),
                bottom,
            )
        )
    return rows


def _newest(recommendations: Iterable[Recommendation]) -> list[Recommendation]:
    """The newest of each picture, of those that come newest first; one with a prior before one
    without."""
    found: dict[UUID, Recommendation] = {}
    for each in recommendations:
        kept = found.get(each.current_id)
        if kept is None or (kept.prior_id is None and each.prior_id is not None):
            found[each.current_id] = each
    return list(found.values())


def _stairs(steps: list[Step]) -> str:
    corners = [f"{steps[0].x},{steps[0].y}"]
    for before, after in pairwise(steps):
        corners += [f"{after.x},{before.y}", f"{after.x},{after.y}"]
    return " ".join(corners)


def _step_y(category: str, top: float) -> float:
    share = (int(category) - LOWEST) / (HIGHEST - LOWEST)
    return round(top + STEPS_HEIGHT - PADDING - share * (STEPS_HEIGHT - 2 * PADDING), 1)


def _change_y(probability: float, top: float) -> float:
    return round(top + CHANGE_HEIGHT - PADDING - probability * (CHANGE_HEIGHT - 2 * PADDING), 1)


def _point(film: Mammogram, found: Comparison, x: float, top: float) -> ChangePoint:
    value = found.change_probability or 0.0
    low, high = found.change_probability_low, found.change_probability_high
    interval = f" ({percent_range(low, high)})" if low is not None else ""
    return ChangePoint(
        x=round(x + ASIDE.get(film.view, 0.0), 1),
        y=_change_y(value, top),
        low_y=_change_y(value if low is None else low, top),
        high_y=_change_y(value if high is None else high, top),
        view=film.view,
        kind=found.verdict,
        sentence=_("%(picture)s: %(verdict)s, probability of change %(value)s")
        % {
            "picture": f"{film.laterality} {film.view}",
            "verdict": verdict_label(found.verdict),
            "value": percent(value) + interval,
        },
    )
