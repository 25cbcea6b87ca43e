"""INbreast's real follow-up pairs: how their similarity goes with a changed category."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.comparison import (
    HEADLINE_FACTOR,
    registration_refusal,
    similarity_by_factor,
)
from analysis.imaging.deformation import refine
from analysis.imaging.frame import common_frame
from analysis.imaging.registered_pair import RegisteredPair
from analysis.imaging.registration import register
from benchmarks.research_films import FollowUpPair

REGULARISATION = 1.0
"""Inverse strength (scikit-learn's C) on the standardised score."""


def measured_similarities(pairs: Iterable[FollowUpPair]) -> list[tuple[FollowUpPair, float]]:
    """Measure SSIM at 3.2 mm of every pair that the gates let pass."""
    scored = ((pair, refined_similarity(pair.prior, pair.current)) for pair in pairs)
    return [(pair, ssim) for pair, ssim in scored if ssim is not None]


def refined_similarity(prior: PreparedBreast, current: PreparedBreast) -> float | None:
    """Return the headline score after the refined registration; None when it was refused."""
    frame = common_frame(prior=prior, current=current)
    first = register(**vars(frame))
    if registration_refusal(first, prior=prior, current=current) is not None:
        return None
    pair = RegisteredPair(frame, refine(first, **vars(frame)))
    by_factor = similarity_by_factor(pair.matched_prior, frame.current, pair.mask)
    return by_factor[HEADLINE_FACTOR].ssim


def similarity_slope(ssim: NDArray[np.float64], changed: NDArray[np.bool_]) -> float:
    """Fit the log odds of a changed category in the similarity; never positive."""
    spread = float(ssim.std())
    model = LogisticRegression(C=REGULARISATION, class_weight="balanced")
    model.fit(((ssim - ssim.mean()) / spread)[:, None], changed)
    return min(float(model.coef_[0, 0]) / spread, 0.0)
