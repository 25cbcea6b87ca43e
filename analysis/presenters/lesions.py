"""How marked lesions and their sizes read on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Comparison
from analysis.size_category import SizeCategory, SizedDate

SIZE_CATEGORIES = {
    SizeCategory.BASELINE: "baseline",
    SizeCategory.NEW_LESION: "new lesion, which counts as an increase",
    SizeCategory.INCREASE: "increase",
    SizeCategory.PARTIAL_DECREASE: "partial decrease",
    SizeCategory.STEADY: "neither decrease nor increase",
    SizeCategory.NO_LONGER_MEASURABLE: "no longer measurable",
    SizeCategory.NOT_CLASSIFIED: "not classified",
}


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


def millimetres(value: float | None) -> str:
    return _in_unit(value, "mm")


def _both(found: dict[str, Any], figure: str, unit: str) -> tuple[str, str]:
    prior, current = (found[f"{when}_{figure}"] for when in ("prior", "current"))
    return _in_unit(prior, unit), _in_unit(current, unit)


def _in_unit(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.0f} {unit}"


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
