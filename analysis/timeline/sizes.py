"""The sizes of followed lesions on the timeline: a row a lesion, a point a date, a line between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from analysis.lesions import FollowedLesion
from analysis.presenters.lesions import size_sentence, size_text
from analysis.size_category import SizedDate

HEIGHT = 76
ABOVE, BELOW = 28, 14
"""Room in a row for the millimetres over the highest point and under the lowest."""


@dataclass(frozen=True)
class SizePoint:
    x: float
    y: float
    text: str
    kind: str
    sentence: str


@dataclass(frozen=True)
class SizeRow:
    label: str
    top: float
    points: list[SizePoint]
    line: str  # the points of a polyline


def size_rows(
    lesions: Sequence[FollowedLesion], *, x: Callable[[date], float], top: float
) -> list[SizeRow]:
    rows = []
    for index, lesion in enumerate(lesions):
        row_top = top + index * HEIGHT
        largest = max((_drawn_mm(each) or 0.0 for each in lesion.course), default=0.0) or 1.0
        points = [
            SizePoint(
                x=x(each.size.day),
                y=round(_y(each, row_top, largest), 1),
                text=size_text(each),
                kind=each.category.value,
                sentence=size_sentence(each),
            )
            for each in lesion.course
        ]
        line = " ".join(
            f"{point.x},{point.y}"
            for point, each in zip(points, lesion.course, strict=True)
            if _drawn_mm(each) is not None
        )
        rows.append(SizeRow(lesion_label(lesion), row_top, points, line))
    return rows


def lesion_label(lesion: FollowedLesion) -> str:
    mammogram = lesion.mark.mammogram
    position = f"{mammogram.laterality} {mammogram.view}"
    return _("%(position)s lesion %(number)s") % {"position": position, "number": lesion.number}


def _drawn_mm(found: SizedDate) -> float | None:
    return found.size.diameter_mm if found.size.measurable else 0.0


def _y(found: SizedDate, top: float, largest: float) -> float:
    """0 mm at the bottom; what has no millimetres stands at the bottom too, off the line."""
    share = (_drawn_mm(found) or 0.0) / largest
    return top + HEIGHT - BELOW - share * (HEIGHT - ABOVE - BELOW)
