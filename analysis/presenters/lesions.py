"""How marked lesions and their sizes read on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Comparison
from analysis.presenters.words import decimal
from analysis.size_category import SizeCategory, SizedDate

SIZE_CATEGORIES = {
    SizeCategory.BASELINE: gettext_noop("baseline"),
    SizeCategory.NEW_LESION: gettext_noop("new lesion, which counts as an increase"),
    SizeCategory.INCREASE: gettext_noop("increase"),
    SizeCategory.PARTIAL_DECREASE: gettext_noop("partial decrease"),
    SizeCategory.STEADY: gettext_noop("neither decrease nor increase"),
    SizeCategory.NO_LONGER_MEASURABLE: gettext_noop("no longer measurable"),
    SizeCategory.NOT_CLASSIFIED: gettext_noop("not classified"),
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
    """A marked mass on both pictures; ``label`` is empty once another mark took its place."""

    label: str
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
    contrasts = (decimal(found[f"{when}_contrast"], 2) for when in ("prior", "current"))
    rows = [LesionRow(_("Contrast"), *contrasts)]
    if found["prior_mm"] is not None or found["current_mm"] is not None:
        rows = [
            LesionRow(_("Longest diameter"), *_both(found, "mm", "mm")),
            LesionRow(_("Area"), *_both(found, "area_mm2", "mm²")),
            *rows,
        ]
    low, high = found["size_ratio_range"] or (None, None)
    followed = next((lesion for lesion in lesions if lesion.mark.pk == job.mark_id), None)
    ratio = "" if low is None or high is None else _ratio(found["size_ratio"], low, high)
    return LesionBlock(
        label=followed.label if followed else "",
        marked_by=job.mark.marked_by.full_name,
        still_visible=seen,
        prior_diameter=millimetres(found["prior_mm"]),
        rows=rows,
        over_time=[
            LesionDate(each.size.day, size_text(each), _(SIZE_CATEGORIES[each.category]))
            for each in (followed.course if followed else [])
        ],
        ratio=ratio,
        lacks_scale=found["prior_mm"] is None or (seen and found["current_mm"] is None),
    )


def _ratio(value: float, low: float, high: float) -> str:
    words = {"value": decimal(value, 2), "low": decimal(low, 2), "high": decimal(high, 2)}
    return _("%(value)s (%(low)s to %(high)s)") % words


def millimetres(value: float | None) -> str:
    return _in_unit(value, "mm")


def _both(found: dict[str, Any], figure: str, unit: str) -> tuple[str, str]:
    prior, current = (found[f"{when}_{figure}"] for when in ("prior", "current"))
    return _in_unit(prior, unit), _in_unit(current, unit)


def _in_unit(value: float | None, unit: str) -> str:
    return _("not measured") if value is None else f"{value:.0f} {unit}"


def size_text(found: SizedDate) -> str:
    if found.category == SizeCategory.NO_LONGER_MEASURABLE:
        return _("not measurable")
    if found.category == SizeCategory.NEW_LESION:
        if not found.size.diameter_mm:
            return _("new")
        return _("new, %(size)s") % {"size": millimetres(found.size.diameter_mm)}
    return _("no size") if found.size.diameter_mm is None else millimetres(found.size.diameter_mm)


def size_sentence(found: SizedDate) -> str:
    """The category of one date and what it was set against."""
    words = _("Size category, RECIST-like: %(category)s") % {
        "category": _(SIZE_CATEGORIES[found.category])
    }
    match found.category:
        case SizeCategory.INCREASE | SizeCategory.PARTIAL_DECREASE | SizeCategory.STEADY:
            against = _("Baseline %(baseline)s, smallest before %(smallest)s") % {
                "baseline": millimetres(found.baseline_mm),
                "smallest": millimetres(found.nadir_mm),
            }
            return f"{words}. {against}"
        case SizeCategory.NOT_CLASSIFIED:
            why = _("below 10 mm at baseline, not measured yet, or of unknown scale")
            return f"{words}: {why}"
        case SizeCategory.NO_LONGER_MEASURABLE:
            doubt = _("That is no proof that none is left")
            return f"{words}. {doubt}"
        case _:
            return words
