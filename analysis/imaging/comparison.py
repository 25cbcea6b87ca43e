"""Compare two mammograms of one breast and view, and say how likely a change is.

SSIM has no sign: it tells that something changed, never whether for the better. A direction is
claimed only by ``registered-change-2``, at a mass that a doctor marked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.baseline import paper_ssim
from analysis.imaging.breast import WORKING_SPACING_MM, PreparedBreast
from analysis.imaging.calibration import load_calibration
from analysis.imaging.change import AttentionMark, LesionChange, assess_change
from analysis.imaging.deformation import refine
from analysis.imaging.errors import ImagingError
from analysis.imaging.frame import common_frame
from analysis.imaging.mark import Mark
from analysis.imaging.photometry import tissue_window, window_on_tissue
from analysis.imaging.projection import obliqueness
from analysis.imaging.registered_pair import RegisteredPair
from analysis.imaging.registration import Registration, RegistrationQuality, register
from analysis.imaging.similarity import (
    Similarity,
    multiscale_ssim,
    structural_similarity_inside,
)
from analysis.imaging.versions import (
    ALGORITHMS,
    BASELINE_ALGORITHM,
    CHANGE_ALGORITHM,
    DEFAULT_ALGORITHM,
    SSIM_ALGORITHM,
)

__all__ = [
    "ALGORITHMS",
    "BASELINE_ALGORITHM",
    "DEFAULT_ALGORITHM",
    "ChangeMeasurement",
    "compare_breasts",
    "measure",
]

SCALE_FACTORS = (1, 2, 4, 8)
"""Blocks of working pixels that are averaged before SSIM: 0.4, 0.8, 1.6 and 3.2 mm."""
HEADLINE_FACTOR = 8
DOUBTFUL_CORRELATION = 0.6
"""Tissue that is laid on itself agrees better than this; a CC laid on an MLO does not."""
MAP_FACTOR = 4
LARGEST_AREA_RATIO = 1.5
"""Of the breast on the two films, mm2: beyond it a scale is wrong, or the breast is another's. On
INbreast two films of one woman reach 1.37 (25 pairs), of two women 80 of 130 pairs exceed 1.5."""

NOT_ATTEMPTED = RegistrationQuality(passed=False, reason="not_attempted")


@dataclass(frozen=True, eq=False)
class ChangeMeasurement:
    """What the comparison of a prior and a current mammogram found.

    Attributes
    ----------
    comparable : bool
        False when a gate refused the pair: then ``reason`` says why and there is no score.
    reason : str or None
        ``prior_not_assessable``, ``current_not_assessable``, ``laterality_mismatch``,
        ``view_mismatch``, ``same_image``, ``scale_mismatch`` or ``registration_failed``.
    algorithm_version : str
    ssim : float or None
        The headline score, in [-1, 1].
    ssim_baseline : float
        The published 150 x 150 score, for comparison; computed for every pair.
    change_probability : float or None
        By ``registered-ssim-1``, that the BI-RADS category changed, as calibrated on real follow-up
        pairs. By ``registered-change-2``, that a mass changed, at even odds: it is not the
        probability that this woman's tumour changed (see ``change_rules``).
    change_interval : tuple of float or None
        95 % interval of the probability, where the algorithm knows one.
    direction : str
        'regression', 'progression', 'none' or 'indeterminate'.
    verdict : str
        'regression', 'progression', 'no_detectable_change', 'changed_direction_unclear' or
        'not_comparable'.
    registration : RegistrationQuality
    luminance, contrast, structure : float or None
        The parts of the headline score.
    ssim_by_scale_mm : dict of str to float
        The masked score at each scale (key: millimetres a pixel), empty without registration.
    multiscale_ssim : float or None
        MS-SSIM over these scales, in [0, 1].
    current_image, aligned_prior : (rows, cols) float32 ndarray or None
        Working grid; the prior registered and matched in gray scale.
    ssim_map : (rows, cols) float32 ndarray or None
        SSIM of each neighbourhood at 1.6 mm, on the working grid; 0 outside ``mask``.
    displacement : (rows, cols, 2) float32 ndarray or None
        Add to (column, row) of the working grid to get the place in the prior, px.
    mask : (rows, cols) bool ndarray or None
        Where the map is valid: both show the breast, without a rim of 3 mm.
    gray_match : (n, 2) float64 ndarray or None
        Support points of the monotone map from the prior's intensities to the current ones.
    lesion : LesionChange or None
        The mass that was marked.
    attention : tuple of AttentionMark
        Places for a reader to look at; they drive no verdict.
    """

    comparable: bool
    reason: str | None
    algorithm_version: str
    ssim_baseline: float
    ssim: float | None = None
    change_probability: float | None = None
    direction: str = "indeterminate"
    verdict: str = "not_comparable"
    registration: RegistrationQuality = NOT_ATTEMPTED
    luminance: float | None = None
    contrast: float | None = None
    structure: float | None = None
    ssim_by_scale_mm: dict[str, float] = field(default_factory=dict)
    multiscale_ssim: float | None = None
    current_image: NDArray[np.float32] | None = None
    aligned_prior: NDArray[np.float32] | None = None
    ssim_map: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None
    displacement: NDArray[np.float32] | None = None
    gray_match: NDArray[np.float64] | None = None
    change_interval: tuple[float, float] | None = None
    lesion: LesionChange | None = None
    attention: tuple[AttentionMark, ...] = ()

    @property
    def parts(self) -> dict[str, float | None]:
        """The three factors of the headline score by name."""
        return {name: getattr(self, name) for name in ("luminance", "contrast", "structure")}

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, as JSON values."""
        return {
            "comparable": self.comparable,
            "reason": self.reason,
            "algorithm_version": self.algorithm_version,
            "ssim": self.ssim,
            "ssim_baseline": self.ssim_baseline,
            "change_probability": self.change_probability,
            "direction": self.direction,
            "verdict": self.verdict,
            "registration": self.registration.as_dict(),
            **self.parts,
            "ssim_by_scale_mm": self.ssim_by_scale_mm,
            "multiscale_ssim": self.multiscale_ssim,
            "change_interval": list(self.change_interval) if self.change_interval else None,
            "lesion": self.lesion.as_dict() if self.lesion else None,
            "attention": [each.as_dict() for each in self.attention],
        }


def compare_breasts(
    *,
    prior: PreparedBreast,
    current: PreparedBreast,
    algorithm: str = DEFAULT_ALGORITHM,
    lesion: Mark | None = None,
) -> ChangeMeasurement:
    """Measure the change from a prior to a current mammogram of one breast and view.

    Parameters
    ----------
    prior, current : PreparedBreast
        See ``breast.prepare_breast``.
    algorithm : str
        One of ``ALGORITHMS``.
    lesion : Mark or None
        A mass on the prior, in pixels of ``prior.source``.

    Returns
    -------
    ChangeMeasurement
        With ``comparable`` False, a reason and no score when a gate refused the pair.

    Raises
    ------
    ImagingError
        ``unknown_algorithm``; ``mark_not_supported`` when the algorithm measures no marks;
        ``mark_outside_breast``.
    """
    pair = measure(prior=prior, current=current, algorithm=algorithm, lesion=lesion)
    if pair.ssim is None or pair.change_probability is not None:
        return pair
    calibration = load_calibration(algorithm)
    probability = calibration.change_probability(pair.ssim)
    changed = probability >= calibration.threshold
    return replace(
        pair,
        change_probability=probability,
        direction="indeterminate" if changed else "none",
        verdict="changed_direction_unclear" if changed else "no_detectable_change",
    )


def measure(
    *,
    prior: PreparedBreast,
    current: PreparedBreast,
    algorithm: str,
    lesion: Mark | None = None,
) -> ChangeMeasurement:
    """Do what ``compare_breasts`` does short of turning an SSIM score into a probability."""
    if algorithm not in MEASUREMENTS:
        raise ImagingError(
            "unknown_algorithm", f"Expected one of {ALGORITHMS}; {algorithm!r} arrived."
        )
    if lesion is not None and algorithm != CHANGE_ALGORITHM:
        raise ImagingError(
            "mark_not_supported",
            f"Expected {CHANGE_ALGORITHM} to measure a mark; {algorithm} was asked.",
        )
    pair = ChangeMeasurement(
        comparable=False,
        reason=refusal(prior=prior, current=current),
        algorithm_version=algorithm,
        ssim_baseline=paper_ssim(prior.source, current.source),
    )
    return pair if pair.reason else MEASUREMENTS[algorithm](prior, current, pair, lesion)


def refusal(*, prior: PreparedBreast, current: PreparedBreast) -> str | None:
    """Return the first reason why the two may not even be registered."""
    refusals = {
        "prior_not_assessable": not prior.assessable,
        "current_not_assessable": not current.assessable,
        "laterality_mismatch": _differ(prior.laterality, current.laterality)
        or prior.chest_wall != current.chest_wall,
        "view_mismatch": _differ(prior.view, current.view),
        "same_image": np.array_equal(prior.source, current.source),
        "scale_mismatch": _scales_differ(prior, current),
    }
    return next((code for code, refused in refusals.items() if refused), None)


def _scales_differ(prior: PreparedBreast, current: PreparedBreast) -> bool:
    """Return whether the breast has another size in millimetres, where both scales are known."""
    if prior.spacing_mm is None or current.spacing_mm is None:
        return False
    smaller, larger = sorted(float(breast.mask.sum()) for breast in (prior, current))
    return larger > LARGEST_AREA_RATIO * smaller


def _outlines_differ(prior: PreparedBreast, current: PreparedBreast) -> bool:
    """Return whether one outline looks oblique and the other does not, whatever was said."""
    return obliqueness(prior.mask) * obliqueness(current.mask) < 0


def _differ(prior: str | None, current: str | None) -> bool:
    return prior is not None and current is not None and prior != current


def _paper_ssim_150(
    prior: PreparedBreast, current: PreparedBreast, pair: ChangeMeasurement, lesion: Mark | None
) -> ChangeMeasurement:
    return replace(pair, comparable=True, ssim=pair.ssim_baseline)


def _registered_ssim_1(
    prior: PreparedBreast, current: PreparedBreast, pair: ChangeMeasurement, lesion: Mark | None
) -> ChangeMeasurement:
    registered, reason = _registered(prior, current)
    if reason is not None:
        return replace(pair, reason=reason, registration=registered.registration.quality)
    return _scored(pair, registered)


def _registered_change_2(
    prior: PreparedBreast, current: PreparedBreast, pair: ChangeMeasurement, lesion: Mark | None
) -> ChangeMeasurement:
    registered, reason = _registered(prior, current)
    if reason is not None:
        return replace(pair, reason=reason, registration=registered.registration.quality)
    frame, registration = registered.frame, registered.registration
    registered = RegisteredPair(frame, refine(registration, **vars(frame)))
    scored = _scored(pair, registered)
    found = assess_change(
        registered,
        prior=prior,
        current=current,
        ssim_by_scale_mm=scored.ssim_by_scale_mm,
        lesion=lesion,
    )
    return replace(
        scored,
        change_probability=found.estimate.probability,
        change_interval=found.estimate.interval,
        direction=found.direction,
        verdict=found.verdict,
        lesion=found.lesion,
        attention=found.attention,
    )


def _registered(
    prior: PreparedBreast, current: PreparedBreast
) -> tuple[RegisteredPair, str | None]:
    """Return both on one frame, and why they may not be compared, if so."""
    frame = common_frame(prior=prior, current=current)
    registration = register(**vars(frame))
    reason = registration_refusal(registration, prior=prior, current=current)
    return RegisteredPair(frame, registration), reason


def registration_refusal(
    registration: Registration, *, prior: PreparedBreast, current: PreparedBreast
) -> str | None:
    """Return why a registered pair may not be compared, if so."""
    quality = registration.quality
    if not quality.passed:
        return "registration_failed"
    if quality.correlation < DOUBTFUL_CORRELATION and _outlines_differ(prior, current):
        return "view_mismatch"
    return None


def _scored(pair: ChangeMeasurement, registered: RegisteredPair) -> ChangeMeasurement:
    """Add SSIM inside the breast, its parts and its map."""
    mask, current = registered.mask, registered.frame.current
    by_factor = similarity_by_factor(registered.matched_prior, current, mask)
    headline, detail = by_factor[HEADLINE_FACTOR], by_factor[MAP_FACTOR]
    size = mask.shape[1], mask.shape[0]
    assessed = mask & (cv2.resize(detail.mask.astype(np.float32), size) > 0.5)
    return replace(
        pair,
        comparable=True,
        ssim=headline.ssim,
        luminance=headline.luminance,
        contrast=headline.contrast,
        structure=headline.structure,
        ssim_by_scale_mm=ssim_by_scale_mm(by_factor),
        multiscale_ssim=multiscale_ssim(by_factor.values()),
        registration=registered.registration.quality,
        current_image=current,
        aligned_prior=np.where(mask, registered.matched_prior, np.float32(0)),
        ssim_map=np.where(assessed, cv2.resize(detail.local, size), np.float32(0)),
        mask=assessed,
        displacement=registered.registration.displacement,
        gray_match=registered.gray_match,
    )


def similarity_by_factor(
    aligned: NDArray[np.float32], current: NDArray[np.float32], mask: NDArray[np.bool_]
) -> dict[int, Similarity]:
    """Measure at every scale, in the reading window of the current picture.

    SSIM's constants are meant for pictures that fill the data range; on a pale film they would
    swallow the contrast of the tissue.
    """
    darkest, brightest = tissue_window(current, mask)
    shown_current, shown_prior = (
        window_on_tissue(image, darkest=darkest, brightest=brightest)
        for image in (current, aligned)
    )
    return {
        factor: structural_similarity_inside(shown_current, shown_prior, mask, factor=factor)
        for factor in SCALE_FACTORS
    }


def ssim_by_scale_mm(by_factor: dict[int, Similarity]) -> dict[str, float]:
    """Name the scores by millimetres a pixel."""
    return {f"{factor * WORKING_SPACING_MM:.1f}": each.ssim for factor, each in by_factor.items()}


Measurement = Callable[
    [PreparedBreast, PreparedBreast, ChangeMeasurement, Mark | None], ChangeMeasurement
]

MEASUREMENTS: dict[str, Measurement] = {
    CHANGE_ALGORITHM: _registered_change_2,
    SSIM_ALGORITHM: _registered_ssim_1,
    BASELINE_ALGORITHM: _paper_ssim_150,
}
"""Algorithm version -> function. A changed algorithm gets a new version, never the old name."""
