"""How alike two breasts of different women look, once one is laid on the other."""

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.frame import common_frame
from analysis.imaging.registered_pair import RegisteredPair
from analysis.imaging.registration import LOWEST_DICE, LOWEST_OVERLAP, register
from analysis.imaging.similarity import structural_similarity_inside

COARSE_FACTOR = 8
"""Blocks of 8 working pixels (3.2 mm): finer tissue of two women never agrees."""


def structural_likeness(query: PreparedBreast, other: PreparedBreast) -> float | None:
    """Masked SSIM after registration, in [-1, 1]; None when the outlines do not agree.

    The gates on tissue correlation that guard a comparison in time do not apply: two women's tissue
    is not expected to lie on itself.
    """
    frame = common_frame(prior=other, current=query)
    registration = register(
        prior=frame.prior,
        prior_mask=frame.prior_mask,
        current=frame.current,
        current_mask=frame.current_mask,
    )
    quality = registration.quality
    if quality.dice < LOWEST_DICE or quality.overlap < LOWEST_OVERLAP:
        return None
    pair = RegisteredPair(frame, registration)
    alike = structural_similarity_inside(
        frame.current, pair.matched_prior, pair.mask, factor=COARSE_FACTOR
    )
    return alike.ssim
