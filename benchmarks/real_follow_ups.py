"""INbreast's real follow-up pairs: what the algorithm sees in them, and how their similarity goes
with a changed category."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from analysis.imaging.attention import find_candidates
from analysis.imaging.comparison import (
    refusal,
    registration_refusal,
)
from analysis.imaging.deformation import refine
from analysis.imaging.difference import signed_difference
from analysis.imaging.frame import common_frame
from analysis.imaging.registered_pair import RegisteredPair
from analysis.imaging.registration import register
from benchmarks.measured_pairs import similarities
from benchmarks.research_films import FollowUpPair

REGULARISATION = 1.0
"""Inverse strength of a quadratic penalty on the slope of the standardised score."""
STEEPEST = 10.0


@dataclass(frozen=True, eq=False)
class MeasuredFollowUp:
    """A real pair that the gates let pass; as in ``measured_pairs.MeasuredPair``."""

    patient: str
    changed: bool
    similarity: dict[str, float]
    candidates: NDArray[np.float64]


def measured_follow_ups(pairs: Iterable[FollowUpPair]) -> list[MeasuredFollowUp]:
    """Measure every pair that the gates let pass."""
    measured = (_measured(pair) for pair in pairs)
    return [each for each in measured if each is not None]


def _measured(pair: FollowUpPair) -> MeasuredFollowUp | None:
    if refusal(prior=pair.prior, current=pair.current):
        return None
    frame = common_frame(prior=pair.prior, current=pair.current)
    first = register(**vars(frame))
    if registration_refusal(first, prior=pair.prior, current=pair.current):
        return None
    laid = RegisteredPair(frame, refine(first, **vars(frame)))
    difference = signed_difference(current=frame.current, prior=laid.warped_prior, mask=laid.mask)
    return MeasuredFollowUp(
        pair.patient,
        pair.changed,
        similarities(laid),
        np.array([each.features for each in find_candidates(laid, difference)]),
    )


def similarity_slope(
    ssim: NDArray[np.float64],
    changed: NDArray[np.bool_],
    *,
    log_odds: NDArray[np.float64] | float = 0.0,
) -> float:
    """Fit what the similarity adds to the log odds of a changed category; never positive.

    Changed and unchanged pairs weigh the same together.
    """
    score = (ssim - ssim.mean()) / ssim.std()
    weight = np.where(changed, 0.5 / changed.mean(), 0.5 / (1 - changed.mean()))
    known = log_odds - np.average(log_odds + 0 * score, weights=weight)
    sign = np.where(changed, -1, 1)

    def loss(slope: float) -> float:
        wrong = np.logaddexp(0, sign * (known + slope * score))
        return float((weight * wrong).sum() + slope**2 / (2 * REGULARISATION))

    found = minimize_scalar(loss, bounds=(-STEEPEST, 0), method="bounded")
    return float(found.x) / float(ssim.std())
