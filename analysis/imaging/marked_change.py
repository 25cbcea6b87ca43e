"""What changed at a marked mass: size on both films, and density against the noise floor."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.calcification import without_calcifications
from analysis.imaging.difference import Difference, signed_difference
from analysis.imaging.lesion import LesionMeasurement, measure_lesion
from analysis.imaging.mark import Mark
from analysis.imaging.masked import MaskedBlur, correlation
from analysis.imaging.noise_floor import ring_z
from analysis.imaging.registered_pair import RegisteredPair, halved, halved_mark, halved_mask

FEATURES = ("core_z", "body_z", "ring_z", "log_size_ratio", "structure")

SIZES = (0.35, 0.6, 1.0, 1.5)
"""On the current film the size is not known: so many times the marked one is tried."""
LESION_REACH = 1.6
"""So many radii round the mark are kept out of gray scale and drift."""
STRUCTURE_MM = 3.0
STRUCTURE_REACH = 1.5
STRUCTURE_RANGE = (-0.95, 0.98)
SMALLEST_CURRENT_MM = 2.0
SMALLEST_PRIOR_MM = 4.0
CORE = 0.3
SURROUNDINGS = (1.2, 1.6)
"""In radii of the mark: where the contrast of a mass is read."""
SMALLEST_CONTRAST = 0.01
VISIBLE_SHARE = 0.4
"""A mass is seen on the current film when its core kept so much of its contrast."""
JITTER_MM = 1.5
JITTERS = ((0.0, 0.0), (JITTER_MM, 0.0), (-JITTER_MM, 0.0), (0.0, JITTER_MM), (0.0, -JITTER_MM))
"""The mark is placed anew, as another reader would: the spread is the uncertainty of a size."""


@dataclass(frozen=True, eq=False)
class MarkedChange:
    """Measurements at one mark.

    Attributes
    ----------
    prior_mark, current_mark : Mark
        On the working grids of the two films.
    prior, current : LesionMeasurement
        Outlines on the films as they are, at the mark as given.
    log_size_ratios : tuple of float
        Logarithm of current over prior longest diameter, for each placement of the mark.
    kept_contrast : float
        Share of the contrast of the prior that the core of the mass has left.
    features : (placements, features) float ndarray
        In the order of ``FEATURES``.
    """

    prior_mark: Mark
    current_mark: Mark
    prior: LesionMeasurement
    current: LesionMeasurement
    log_size_ratios: tuple[float, ...]
    kept_contrast: float
    features: NDArray[np.float64]

    @property
    def still_visible(self) -> bool:
        """False when the current film shows no mass at the carried mark."""
        return self.kept_contrast >= VISIBLE_SHARE

    @property
    def log_size_ratio(self) -> float | None:
        """Median over placements of the mark; None when there is no mass left to measure."""
        return float(np.median(self.log_size_ratios)) if self.still_visible else None


def measure_mark(pair: RegisteredPair, prior_mark: Mark) -> MarkedChange:
    """Measure a mass marked on the prior (working pixels); calcifications are no part of it."""
    current_mark = pair.to_current(prior_mark)
    pair = _without_calcifications(pair, prior_mark, current_mark)
    priors, currents = [], []
    for across, down in JITTERS:
        moved = {"across": across / WORKING_SPACING_MM, "down": down / WORKING_SPACING_MM}
        priors.append(
            measure_lesion(pair.frame.prior, pair.frame.prior_mask, prior_mark.moved(**moved))
        )
        currents.append(_most_evident(pair, current_mark.moved(**moved)))
    ratios = tuple(
        float(
            np.log(
                max(after.diameter_mm, SMALLEST_CURRENT_MM)
                / max(before.diameter_mm, SMALLEST_PRIOR_MM)
            )
        )
        for before, after in zip(priors, currents, strict=True)
    )
    difference = _difference(pair, current_mark)
    density = _density(difference, current_mark)
    structure = _structure(pair, current_mark)
    return MarkedChange(
        prior_mark=prior_mark,
        current_mark=current_mark,
        prior=priors[0],
        current=currents[0],
        log_size_ratios=ratios,
        kept_contrast=_kept_contrast(pair, difference, current_mark),
        features=np.array([[*density, ratio, structure] for ratio in ratios]),
    )


def _without_calcifications(
    pair: RegisteredPair, prior_mark: Mark, current_mark: Mark
) -> RegisteredPair:
    frame = pair.frame
    prior, current = (
        without_calcifications(image, mark)
        for image, mark in ((frame.prior, prior_mark), (frame.current, current_mark))
    )
    if prior is frame.prior and current is frame.current:
        return pair
    return RegisteredPair(replace(frame, prior=prior, current=current), pair.registration)


def _most_evident(pair: RegisteredPair, mark: Mark) -> LesionMeasurement:
    """Return the outline of most contrast for its size among several expected sizes."""
    found = [
        measure_lesion(
            pair.frame.current,
            pair.frame.current_mask,
            Mark(mark.x, mark.y, mark.radius * size),
        )
        for size in SIZES
    ]
    return max(found, key=lambda each: max(each.contrast, 0) * np.sqrt(each.diameter_mm))


def _difference(pair: RegisteredPair, mark: Mark) -> Difference:
    lesion = Mark(mark.x, mark.y, mark.radius * LESION_REACH).covers(pair.mask.shape)
    return signed_difference(
        current=pair.frame.current, prior=pair.warped_prior, mask=pair.mask, excluded=lesion
    )


def _kept_contrast(pair: RegisteredPair, difference: Difference, mark: Mark) -> float:
    """Return the contrast of the core on the current film over that on the prior."""
    core = Mark(mark.x, mark.y, mark.radius * CORE).covers(pair.mask.shape) & pair.mask
    inner, outer = (
        Mark(mark.x, mark.y, mark.radius * reach).covers(pair.mask.shape) for reach in SURROUNDINGS
    )
    around = outer & ~inner & pair.mask
    if not core.any() or not around.any():
        return 1.0
    before = float(pair.matched_prior[core].mean() - pair.matched_prior[around].mean())
    change = float(difference.signed[core].mean())
    return 1 + change / max(before, SMALLEST_CONTRAST)


def _density(difference: Difference, mark: Mark) -> list[float]:
    """Gain or loss in the core, the body and the surroundings of the mass, compressed."""
    signed, assessed = halved(difference.signed), halved_mask(difference.assessed)
    small = halved_mark(mark)
    rings = ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5))
    return [
        float(np.arcsinh(ring_z(signed, assessed, small, inner=inner, outer=outer) / 2))
        for inner, outer in rings
    ]


def _structure(pair: RegisteredPair, mark: Mark) -> float:
    """Correlation of the two films round the mark, as Fisher's z."""
    small, inside = halved_mark(mark), halved_mask(pair.mask)
    near = Mark(small.x, small.y, small.radius * STRUCTURE_REACH).covers(inside.shape) & inside
    average = MaskedBlur[np.float32](inside, sigma_px=STRUCTURE_MM / (2 * WORKING_SPACING_MM))
    current, prior = (average(halved(image)) for image in (pair.frame.current, pair.warped_prior))
    return float(np.arctanh(np.clip(correlation(current, prior, near), *STRUCTURE_RANGE)))
