"""How marked lesions, their sizes and places to look at read on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import hypot
from typing import Any

from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Comparison, LesionMark
from analysis.size_category import SizeCategory, SizedDate
from scans.models import Mammogram

SIZE_CATEGORIES = {
    SizeCategory.BASELINE: "baseline",
    SizeCategory.NEW_LESION: "new lesion, which counts as an increase",
    SizeCategory.INCREASE: "increase",
    SizeCategory.PARTIAL_DECREASE: "partial decrease",
    SizeCategory.STEADY: "neither decrease nor increase",
    SizeCategory.NO_LONGER_MEASURABLE: "no longer measurable",
    SizeCategory.NOT_CLASSIFIED: "not classified",
}
FIRST_RADIUS_MM = 8.0
FIRST_RADIUS_SHARE = 0.03
LABEL_SHARE = 0.028
"""Of the picture's height: the size of a number beside a circle, and, where no scale is known,
of the circle that a click without a drag draws."""


@dataclass(frozen=True)
class Disc:
    """A circle on a picture, in its pixels; ``kind`` is 'lesion', 'other' or 'attention'."""

    kind: str
    x: float
    y: float
    radius: float
    label: str
    label_x: float


@dataclass(frozen=True)
class Canvas:
    """What is drawn on one picture as acquired, and how a first circle on it begins."""

    discs: list[Disc]
    label_size: float
    first_radius: float
    ten_mm: str


@dataclass(frozen=True)
class LesionRow:
    label: str
    prior: str
    current: str


@dataclass(frozen=True)
class LesionDate:
    day: date
    size: str
    category: str


@dataclass(frozen=True)
class LesionBlock:
    """A marked mass on both pictures."""

    marked_by: str
    still_visible: bool
    prior_diameter: str
    rows: list[LesionRow]
    over_time: list[LesionDate]
    ratio: str
    lacks_scale: bool


@dataclass(frozen=True)
class Place:
    number: int
    text: str


@dataclass(frozen=True)
class ProbabilityBar:
    """The probability with its interval, in percent of the bar; below ``threshold`` no report."""

    value: float
    low: float
    width: float
    threshold: float


def millimetres(value: float | None) -> str:
    return _in_unit(value, "mm")


def canvases(
    job: AnalysisJob,
    comparison: Comparison | None,
    *,
    on_prior: Sequence[LesionMark],
    on_current: Sequence[LesionMark],
) -> tuple[Canvas | None, Canvas]:
    """What to draw on the prior, if there is one, and on the current picture."""
    before = _marks(on_prior, measured=job.mark)
    after = _marks(on_current, measured=job.mark)
    if job.mark and all(mark.pk != job.mark_id for mark in (*on_prior, *on_current)):
        replaced = _disc("lesion", vars(job.mark), "")  # meanwhile
        (after if job.new_lesion else before).append(replaced)
    if comparison and comparison.lesion:
        after.append(_disc("lesion", comparison.lesion["current_mark"], ""))
    if comparison:
        after += [
            _disc("attention", place, str(number))
            for number, place in enumerate(_beside_the_lesion(comparison), start=1)
        ]
    return _canvas(job.prior, before) if job.prior else None, _canvas(job.current, after)


def _marks(marks: Sequence[LesionMark], *, measured: LesionMark | None) -> list[Disc]:
    return [
        _disc("lesion" if mark == measured else "other", vars(mark), f"L{number}")
        for number, mark in enumerate(marks, start=1)
    ]


def _disc(kind: str, place: dict[str, Any], label: str) -> Disc:
    x, y, radius = (float(place[name]) for name in ("x", "y", "radius"))
    return Disc(kind, round(x, 1), round(y, 1), round(radius, 1), label, round(x + radius, 1))


def _canvas(mammogram: Mammogram, discs: list[Disc]) -> Canvas:
    spacing_mm = mammogram.pixel_spacing_mm
    first = FIRST_RADIUS_MM / spacing_mm if spacing_mm else FIRST_RADIUS_SHARE * mammogram.rows
    return Canvas(
        discs,
        label_size=round(LABEL_SHARE * mammogram.rows, 1),
        first_radius=round(first),
        ten_mm=f"{10 / spacing_mm:.0f}" if spacing_mm else "",
    )


def _beside_the_lesion(comparison: Comparison) -> list[dict[str, Any]]:
    """The places that do not lie in the marked lesion, which is looked at anyway."""
    if not comparison.lesion:
        return list(comparison.attention)
    lesion = comparison.lesion["current_mark"]
    return [
        place
        for place in comparison.attention
        if hypot(place["x"] - lesion["x"], place["y"] - lesion["y"]) > lesion["radius"]
    ]


def places(comparison: Comparison | None) -> list[Place]:
    """Places to look at, in words; they drive no verdict."""
    if comparison is None:
        return []
    return [
        Place(number, "denser than before" if place["gain"] else "less dense than before")
        for number, place in enumerate(_beside_the_lesion(comparison), start=1)
    ]


def lesion_block(
    job: AnalysisJob, comparison: Comparison | None, *, lesions: Sequence[FollowedLesion]
) -> LesionBlock | None:
    """``lesions``: those of the patient, of which this analysis measured one."""
    if comparison is None or not comparison.lesion or job.mark is None:
        return None
    found = comparison.lesion
    seen = found["still_visible"]
    contrasts = (f"{found[f'{when}_contrast']:.2f}" for when in ("prior", "current"))
    rows = [LesionRow("Contrast", *contrasts)]
    if found["prior_mm"] is not None or found["current_mm"] is not None:
        rows = [
            LesionRow("Longest diameter", *_both(found, "mm", "mm")),
            LesionRow("Area", *_both(found, "area_mm2", "mm²")),
            *rows,
        ]
    low, high = found["size_ratio_range"] or (None, None)
    ratio = f"{found['size_ratio']:.2f} ({low:.2f} to {high:.2f})" if low is not None else ""
    return LesionBlock(
        marked_by=job.mark.marked_by.full_name,
        still_visible=seen,
        prior_diameter=millimetres(found["prior_mm"]),
        rows=rows,
        over_time=[
            LesionDate(each.size.day, size_text(each), SIZE_CATEGORIES[each.category])
            for lesion in lesions
            if lesion.mark.pk == job.mark_id
            for each in lesion.course
        ],
        ratio=ratio,
        lacks_scale=found["prior_mm"] is None or (seen and found["current_mm"] is None),
    )


def _both(found: dict[str, Any], figure: str, unit: str) -> tuple[str, str]:
    prior, current = (found[f"{when}_{figure}"] for when in ("prior", "current"))
    return _in_unit(prior, unit), _in_unit(current, unit)


def _in_unit(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.0f} {unit}"


def probability_bar(comparison: Comparison) -> ProbabilityBar | None:
    value, threshold = comparison.change_probability, comparison.change_threshold
    if value is None or threshold is None:
        return None
    low, high = comparison.change_probability_low, comparison.change_probability_high
    low, high = (value if low is None else low), (value if high is None else high)
    return ProbabilityBar(*(round(100 * each, 1) for each in (value, low, high - low, threshold)))


def size_text(found: SizedDate) -> str:
    if found.category == SizeCategory.NO_LONGER_MEASURABLE:
        return "not measurable"
    if found.category == SizeCategory.NEW_LESION:
        return "new" + (f", {found.size.diameter_mm:.0f} mm" if found.size.diameter_mm else "")
    return "no mm" if found.size.diameter_mm is None else millimetres(found.size.diameter_mm)


def size_sentence(found: SizedDate) -> str:
    """The category of one date and what it was set against."""
    words = f"Size category, RECIST-like: {SIZE_CATEGORIES[found.category]}"
    match found.category:
        case SizeCategory.INCREASE | SizeCategory.PARTIAL_DECREASE | SizeCategory.STEADY:
            return (
                f"{words}. Baseline {millimetres(found.baseline_mm)}, "
                f"smallest before {millimetres(found.nadir_mm)}"
            )
        case SizeCategory.NOT_CLASSIFIED:
            return f"{words}: below 10 mm at baseline, not measured yet, or of unknown scale"
        case SizeCategory.NO_LONGER_MEASURABLE:
            return f"{words}. That is no proof that none is left"
        case _:
            return words
