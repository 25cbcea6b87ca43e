"""How the size of one marked mass runs over all dates of one breast and view.

The thresholds are those of RECIST 1.1 (Eisenhauer et al. 2009, doi:10.1016/j.ejca.2008.10.026) for
one lesion. RECIST was not written for mammograms and sums lesions over the body, so what comes out
is called a size category, RECIST-like. Masses only: calcifications are never sized.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

SMALLEST_BASELINE_MM = 10.0
DECREASE_SHARE = 0.30
INCREASE_SHARE = 0.20
INCREASE_MM = 5.0
ROUNDING_MM = 1e-6
"""Limits are met by a size that is equal to them, whatever its binary fraction."""


class SizeCategory(StrEnum):
    BASELINE = "baseline"
    NEW_LESION = "new_lesion"
    INCREASE = "increase"
    PARTIAL_DECREASE = "partial_decrease"
    STEADY = "steady"
    NO_LONGER_MEASURABLE = "no_longer_measurable"
    NOT_CLASSIFIED = "not_classified"


@dataclass(frozen=True, kw_only=True)
class LesionSize:
    """The longest diameter on one date.

    ``diameter_mm`` is None where the film's scale is unknown or nothing is left to measure;
    ``measurable`` tells the two apart.
    """

    day: date
    diameter_mm: float | None
    measurable: bool = True


@dataclass(frozen=True, kw_only=True)
class SizedDate:
    """A date with its category and what it was set against."""

    size: LesionSize
    category: SizeCategory
    baseline_mm: float | None
    nadir_mm: float | None


def size_course(sizes: Sequence[LesionSize], *, is_new: bool = False) -> list[SizedDate]:
    """Classify every date of one lesion, in the order of time.

    Decrease is set against the baseline, the first date; increase against the nadir, the smallest
    size before that date. A lesion that could not be measured any more and is again has a nadir of
    0 mm. Increase goes before decrease. ``is_new``: the lesion was not there on earlier pictures,
    which on its first date is an increase whatever its size.
    """
    ordered = sorted(sizes, key=lambda size: size.day)
    course: list[SizedDate] = []
    baseline_mm = ordered[0].diameter_mm if ordered else None
    nadir_mm: float | None = None
    for at, size in enumerate(ordered):
        if at == 0:
            category = SizeCategory.NEW_LESION if is_new else _first(baseline_mm)
        else:
            category = _category(size, baseline_mm=baseline_mm, nadir_mm=nadir_mm)
        course.append(
            SizedDate(size=size, category=category, baseline_mm=baseline_mm, nadir_mm=nadir_mm)
        )
        found_mm = size.diameter_mm if size.measurable else 0.0
        if found_mm is not None:
            nadir_mm = found_mm if nadir_mm is None else min(nadir_mm, found_mm)
    return course


def _first(baseline_mm: float | None) -> SizeCategory:
    return SizeCategory.BASELINE if _classifiable(baseline_mm) else SizeCategory.NOT_CLASSIFIED


def _classifiable(baseline_mm: float | None) -> bool:
    return baseline_mm is not None and baseline_mm >= SMALLEST_BASELINE_MM - ROUNDING_MM


def _category(
    size: LesionSize, *, baseline_mm: float | None, nadir_mm: float | None
) -> SizeCategory:
    if not size.measurable:
        return SizeCategory.NO_LONGER_MEASURABLE
    if not _classifiable(baseline_mm) or size.diameter_mm is None or nadir_mm is None:
        return SizeCategory.NOT_CLASSIFIED
    found_mm = size.diameter_mm + ROUNDING_MM
    if found_mm >= (1 + INCREASE_SHARE) * nadir_mm and found_mm >= nadir_mm + INCREASE_MM:
        return SizeCategory.INCREASE
    if found_mm - 2 * ROUNDING_MM <= (1 - DECREASE_SHARE) * (baseline_mm or 0.0):
        return SizeCategory.PARTIAL_DECREASE
    return SizeCategory.STEADY
