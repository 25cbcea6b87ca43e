"""What changed between two registered films, with or without a mark: ``registered-change-2``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.attention import Candidate, find_candidates
from analysis.imaging.breast import PreparedBreast
from analysis.imaging.calcification import Calcifications, count_calcifications
from analysis.imaging.change_rules import ChangeEstimate, ChangeRules, load_change_rules
from analysis.imaging.difference import signed_difference
from analysis.imaging.errors import ImagingError
from analysis.imaging.mark import GridPlacement, Mark, grid_placement
from analysis.imaging.marked_change import MarkedChange, measure_mark
from analysis.imaging.registered_pair import RegisteredPair

SHOWN_CANDIDATES = 3
SMALLEST_SHOWN = 0.2
"""A place is shown for attention from this probability on."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LesionChange:
    """A marked mass on both films, measured on the films as they are.

    Attributes
    ----------
    prior_mark, current_mark : Mark
        In pixels of the source pictures; the current one was carried by the registration.
    prior_mm, current_mm : float or None
        Longest diameter; None when the scale of the film is unknown or nothing is left to measure.
    prior_area_mm2, current_area_mm2 : float or None
    prior_contrast, current_contrast : float
        Inside less a ring outside, in intensities of each film.
    still_visible : bool
        False when the current film shows no mass at the carried mark: then it has no current size.
        No visible mass is not a complete response.
    size_ratio : float or None
        Current over prior longest diameter: the median over placements of the mark.
    size_ratio_range : tuple of float or None
        Smallest and largest over placements of the mark 1.5 mm apart.
    prior_calcifications, current_calcifications : Calcifications or None
        Bright specks at the mark on each film; None when its scale is unknown. They are no part of
        the mass: no figure above counts them.
    prior_outline, current_outline : (rows, cols) bool ndarray
        On the common frame, each where it lies on its own film.
    """

    prior_mark: Mark
    current_mark: Mark
    prior_mm: float | None
    current_mm: float | None
    prior_area_mm2: float | None
    current_area_mm2: float | None
    prior_contrast: float
    current_contrast: float
    still_visible: bool
    size_ratio: float | None
    size_ratio_range: tuple[float, float] | None
    prior_calcifications: Calcifications | None
    current_calcifications: Calcifications | None
    prior_outline: Mask = field(repr=False)
    current_outline: Mask = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the outlines, as JSON values."""
        return {
            name: _plain(value)
            for name, value in vars(self).items()
            if not name.endswith("_outline")
        }


@dataclass(frozen=True)
class AttentionMark:
    """A place on the current film that a reader may want to look at; it decides nothing.

    Attributes
    ----------
    mark : Mark
        In pixels of the current source picture.
    gain : bool
        True for more density than before.
    probability : float
        That this place gained or lost a mass, at even odds.
    """

    mark: Mark
    gain: bool
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self.mark), "gain": self.gain, "probability": self.probability}


@dataclass(frozen=True, eq=False)
class ChangeFindings:
    """What ``assess_change`` found.

    Attributes
    ----------
    estimate : ChangeEstimate
    verdict, direction : str
        As in ``comparison.ChangeMeasurement``.
    lesion : LesionChange or None
        None without a mark.
    attention : tuple of AttentionMark
    noise : float
        Of the difference in tissue without structure, in intensities.
    misalignment_mm : float
        What the noise at edges amounts to.
    """

    estimate: ChangeEstimate
    verdict: str
    direction: str
    lesion: LesionChange | None
    attention: tuple[AttentionMark, ...]
    noise: float
    misalignment_mm: float


def assess_change(
    pair: RegisteredPair,
    *,
    prior: PreparedBreast,
    current: PreparedBreast,
    ssim_by_scale_mm: Mapping[str, float],
    lesion: Mark | None,
) -> ChangeFindings:
    """Judge a registered pair.

    Parameters
    ----------
    pair : RegisteredPair
        Of ``prior`` and ``current``; its registration passed.
    ssim_by_scale_mm : mapping of str to float
        Of the pair.
    lesion : Mark or None
        A mass on the prior, in pixels of ``prior.source``.

    Raises
    ------
    ImagingError
        ``mark_outside_breast``.
    """
    rules = load_change_rules()
    difference = signed_difference(
        current=pair.frame.current, prior=pair.warped_prior, mask=pair.mask
    )
    candidates = find_candidates(pair, difference)
    on_current = grid_placement(current)
    attention = _shown(candidates, rules, on_current)
    if lesion is None:
        features = np.array([each.features for each in candidates])
        estimate = rules.without_mark(features, ssim_by_scale_mm=ssim_by_scale_mm)
        verdict, direction = rules.verdict_without_mark(estimate)
        measured = None
    else:
        on_prior = grid_placement(prior)
        marked = measure_mark(
            pair, _on_frame(lesion, on_prior.to_grid(lesion), prior=prior, current=current)
        )
        estimate = rules.at_mark(marked.features)
        verdict, direction = rules.verdict_at_mark(estimate, log_size_ratio=marked.log_size_ratio)
        measured = _lesion_change(
            lesion,
            marked,
            prior=prior,
            current=current,
            on_prior=on_prior,
            on_current=on_current,
        )
    return ChangeFindings(
        estimate=estimate,
        verdict=verdict,
        direction=direction,
        lesion=measured,
        attention=attention,
        noise=difference.noise,
        misalignment_mm=difference.misalignment_mm,
    )


def _on_frame(lesion: Mark, mark: Mark, *, prior: PreparedBreast, current: PreparedBreast) -> Mark:
    """Carry a mark on the prior's source, here on its working grid, to the common frame."""
    row, col = round(mark.y), round(mark.x)
    rows, cols = prior.mask.shape
    if not (0 <= row < rows and 0 <= col < cols and prior.mask[row, col] and mark.radius > 0):
        raise ImagingError(
            "mark_outside_breast",
            f"Expected a disc in the breast; centre ({lesion.x:g}, {lesion.y:g}), "
            f"radius {lesion.radius:g} px arrived.",
        )
    if (prior.spacing_mm is None) == (current.spacing_mm is None):
        return mark
    return mark.scaled(current.mask.shape[0] / rows)  # as the frame resizes a prior of other scale


def _shown(
    candidates: list[Candidate], rules: ChangeRules, placement: GridPlacement
) -> tuple[AttentionMark, ...]:
    """Return the likeliest places, likeliest first."""
    features = np.array([each.features for each in candidates])
    probabilities = rules.candidate_probabilities(features)
    likeliest = np.argsort(-probabilities)[:SHOWN_CANDIDATES]
    return tuple(
        AttentionMark(
            placement.to_source(candidates[at].mark), candidates[at].gain, float(probabilities[at])
        )
        for at in likeliest
        if probabilities[at] >= SMALLEST_SHOWN
    )


def _lesion_change(
    lesion: Mark,
    marked: MarkedChange,
    *,
    prior: PreparedBreast,
    current: PreparedBreast,
    on_prior: GridPlacement,
    on_current: GridPlacement,
) -> LesionChange:
    before, after = marked.prior, marked.current
    seen = marked.still_visible
    in_mm = prior.spacing_mm is not None, current.spacing_mm is not None and seen
    ratios = np.exp(marked.log_size_ratios)
    current_mark = on_current.to_source(marked.current_mark)
    return LesionChange(
        prior_mark=lesion,
        current_mark=current_mark,
        prior_mm=before.diameter_mm if in_mm[0] else None,
        current_mm=after.diameter_mm if in_mm[1] else None,
        prior_area_mm2=before.area_mm2 if in_mm[0] else None,
        current_area_mm2=after.area_mm2 if in_mm[1] else None,
        prior_contrast=before.contrast,
        current_contrast=after.contrast,
        still_visible=seen,
        size_ratio=float(np.median(ratios)) if seen else None,
        size_ratio_range=(float(ratios.min()), float(ratios.max())) if seen else None,
        prior_calcifications=_calcifications(prior, lesion, on_prior),
        current_calcifications=_calcifications(current, current_mark, on_current),
        prior_outline=before.outline,
        current_outline=after.outline if seen else np.zeros_like(after.outline),
    )


def _calcifications(
    breast: PreparedBreast, mark: Mark, placement: GridPlacement
) -> Calcifications | None:
    if breast.spacing_mm is None:
        return None
    spacing_mm = breast.spacing_mm * placement.scale
    return count_calcifications(breast.source, mark, spacing_mm=spacing_mm)


def _plain(value: Any) -> Any:
    """Return a figure, a pair or a small record as JSON values."""
    if isinstance(value, tuple):
        return list(value)
    return asdict(value) if isinstance(value, Mark | Calcifications) else value
