"""What is drawn on a picture: marked lesions and places to look at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Comparison
from analysis.presenters.places import beside_the_lesion
from scans.models import Mammogram

FIRST_RADIUS_MM = 8.0
FIRST_RADIUS_SHARE = 0.03
LABEL_SHARE = 0.028
"""Of the picture's height: the size of a number beside a circle, and, where no scale is known,
of the circle that a click without a drag draws."""
LABEL_WIDTH, LINE_HEIGHT = 2.0, 1.1  # of a number with the gap before it, in its size


@dataclass(frozen=True)
class Disc:
    """A circle on a picture, in its pixels; ``kind`` is 'lesion', 'other' or 'attention'."""

    kind: str
    x: float
    y: float
    radius: float
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Canvas:
    """What is drawn on one picture as acquired, and how a first circle on it begins."""

    discs: list[Disc]
    label_size: float
    first_radius: float
    ten_mm: str


def canvases(
    job: AnalysisJob,
    comparison: Comparison | None,
    *,
    lesions: Sequence[FollowedLesion],
) -> tuple[Canvas | None, Canvas]:
    """What to draw on the prior, if there is one, and on the current picture.

    ``lesions``: those of the patient; each bears its number wherever it is seen.
    """
    before = _marks(job, [lesion for lesion in lesions if lesion.is_on(job.prior)])
    after = _marks(job, [lesion for lesion in lesions if lesion.is_on(job.current)])
    measured = next((each.label for each in lesions if each.mark.pk == job.mark_id), "")
    if job.mark and not measured:  # another mark took its place meanwhile
        (after if job.new_lesion else before).append(_disc("lesion", vars(job.mark), ""))
    if comparison and comparison.lesion:
        after.append(_disc("lesion", comparison.lesion["current_mark"], measured))
    if comparison:
        after += [
            _disc("attention", place, str(number))
            for number, place in enumerate(beside_the_lesion(comparison), start=1)
        ]
    return _canvas(job.prior, before) if job.prior else None, _canvas(job.current, after)


def _marks(job: AnalysisJob, lesions: Sequence[FollowedLesion]) -> list[Disc]:
    return [
        _disc(
            "lesion" if lesion.mark.pk == job.mark_id else "other",
            vars(lesion.mark),
            lesion.label,
        )
        for lesion in lesions
    ]


def _disc(kind: str, place: dict[str, Any], label: str) -> Disc:
    x, y, radius = (float(place[name]) for name in ("x", "y", "radius"))
    x, y, radius, beside = (round(value, 1) for value in (x, y, radius, x + radius))
    return Disc(kind, x, y, radius, label, label_x=beside, label_y=y)


def _canvas(mammogram: Mammogram, discs: list[Disc]) -> Canvas:
    spacing_mm = mammogram.pixel_spacing_mm
    first = FIRST_RADIUS_MM / spacing_mm if spacing_mm else FIRST_RADIUS_SHARE * mammogram.rows
    label_size = round(LABEL_SHARE * mammogram.rows, 1)
    return Canvas(
        _labels_apart(_labels_inside(discs, label_size, mammogram.columns), label_size),
        label_size=label_size,
        first_radius=round(first),
        ten_mm=f"{10 / spacing_mm:.0f}" if spacing_mm else "",
    )


def _labels_inside(discs: Sequence[Disc], size: float, columns: int) -> list[Disc]:
    """A number that the right edge would cut stands left of its circle: of L1 would stay an L,
    which on a right breast reads as its side.
    """
    return [
        replace(disc, label_x=round(disc.x - disc.radius - LABEL_WIDTH * size, 1))
        if disc.label_x + LABEL_WIDTH * size > columns
        else disc
        for disc in discs
    ]


def _labels_apart(discs: Sequence[Disc], size: float) -> list[Disc]:
    """Numbers of circles that overlap, each below the one before: side by side 3 and 1 read 31."""
    placed: list[Disc] = []
    for disc in discs:
        label_y = disc.label_y
        while any(
            abs(other.label_x - disc.label_x) < LABEL_WIDTH * size
            and abs(other.label_y - label_y) < LINE_HEIGHT * size
            for other in placed
            if other.label
        ):
            label_y = round(label_y + LINE_HEIGHT * size, 1)
        placed.append(replace(disc, label_y=label_y))
    return placed
