"""Affine alignment of two mammograms: exhaustive coarse search, then ECC refinement.

Transforms are (2, 3) matrices that take a (column, row) of the fixed picture to the place in the
moving picture that shows the same tissue.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.masked import correlation

ROTATIONS_DEG = (-8, -6, -4, -2, 0, 2, 4, 6, 8)
SCALES = (0.92, 1.0, 1.08)
STARTS = 3
"""Coarse results that are refined: ECC alone stops at the nearest local optimum."""
SUFFICIENT_OVERLAP = 0.65
"""Intersection over union below which a candidate's score is reduced in proportion."""
STRETCH_RANGE = (0.75, 1.3)
"""Allowed singular values of the affine matrix."""
ECC_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
ECC_SMOOTHING_PX = 5

Affine = NDArray[np.float32]


class Features(NamedTuple):
    """What alignment looks at: a zero-mean picture of structure, and where it is valid."""

    picture: NDArray[np.float32]
    mask: NDArray[np.bool_]


def align(fixed: Features, moving: Features, *, reach_px: int) -> tuple[Affine, float]:
    """Find the affine transform of best masked correlation.

    Parameters
    ----------
    fixed, moving : Features
        Of the same shape (rows, cols).
    reach_px : int
        Largest shift that is searched.

    Returns
    -------
    transform : (2, 3) float32 ndarray
        Fixed to moving coordinates, px.
    score : float
        Correlation inside the overlap, in [-1, 1], reduced where the overlap is small.

    References
    ----------
    Evangelidis and Psarakis (2008), Enhanced Correlation Coefficient, doi:10.1109/TPAMI.2008.113.
    """
    starts = _coarse_candidates(fixed, moving, reach_px=reach_px)[:STARTS]
    refined = [_refined(fixed, moving, start) for start in starts]
    candidates = [each for each in starts + refined if _is_plausible(each)]
    scores = [_score(fixed, moving, each) for each in candidates]
    best = int(np.argmax(scores))
    return candidates[best], scores[best]


def warp_affine(image: NDArray[np.float32], transform: Affine) -> NDArray[np.float32]:
    """Resample the moving picture where the fixed picture's pixels fall in it."""
    return np.asarray(
        cv2.warpAffine(
            image,
            transform,
            image.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        ),
        np.float32,
    )


def _warped(moving: Features, transform: Affine) -> Features:
    mask = warp_affine(moving.mask.astype(np.float32), transform) > 0.5
    return Features(warp_affine(moving.picture, transform), mask)


def _coarse_candidates(fixed: Features, moving: Features, *, reach_px: int) -> list[Affine]:
    """Try every rotation, scale and whole-pixel shift; best first."""
    rows, cols = np.nonzero(fixed.mask)
    centre = float(cols.mean()), float(rows.mean())
    size = [cv2.getOptimalDFTSize(side + reach_px) for side in fixed.mask.shape]
    fixed_spectra = _spectra(fixed, size)
    found: list[tuple[float, Affine]] = []
    for angle in ROTATIONS_DEG:
        for scale in SCALES:
            turned = cv2.getRotationMatrix2D(centre, float(angle), 1 / scale).astype(np.float32)
            candidate = _warped(moving, turned)
            scores = _shift_scores(fixed_spectra, _spectra(candidate, size), size, reach_px)
            row, col = np.unravel_index(int(np.argmax(scores)), scores.shape)
            shift = np.array([col - reach_px, row - reach_px], np.float32)
            turned[:, 2] += turned[:, :2] @ shift
            found.append((float(scores[row, col]), turned))
    found.sort(key=lambda each: -each[0])
    return [transform for _, transform in found]


def _spectra(features: Features, size: list[int]) -> list[NDArray[np.complex64]]:
    mask = features.mask.astype(np.float32)
    masked = features.picture * mask
    return [
        np.asarray(np.fft.rfft2(each, size), np.complex64)
        for each in (mask, masked, masked * features.picture)
    ]


def _shift_scores(
    fixed: list[NDArray[np.complex64]],
    moving: list[NDArray[np.complex64]],
    size: list[int],
    reach_px: int,
) -> NDArray[np.float32]:
    """Masked normalised cross-correlation of every shift up to the reach.

    Padfield (2012), "Masked object registration in the Fourier domain",
    doi:10.1109/TIP.2011.2181402; here with circular shifts, as the padding covers the reach.
    """
    shifts = np.arange(-reach_px, reach_px + 1)

    def correlate(
        first: NDArray[np.complex64], second: NDArray[np.complex64]
    ) -> NDArray[np.float32]:
        everywhere = np.fft.irfft2(np.conj(first) * second, size)
        return np.asarray(everywhere[np.ix_(shifts, shifts)], np.float32)

    (mask_f, sum_f, square_f), (mask_m, sum_m, square_m) = fixed, moving
    count = np.maximum(correlate(mask_f, mask_m), 1)
    total_f, total_m = correlate(sum_f, mask_m), correlate(mask_f, sum_m)
    covariance = correlate(sum_f, sum_m) - total_f * total_m / count
    variance_f = np.maximum(correlate(square_f, mask_m) - total_f**2 / count, 1)
    variance_m = np.maximum(correlate(mask_f, square_m) - total_m**2 / count, 1)
    union = mask_f[0, 0].real + mask_m[0, 0].real - count
    return np.asarray(
        covariance / np.sqrt(variance_f * variance_m) * _overlap_factor(count / union), np.float32
    )


def _refined(fixed: Features, moving: Features, start: Affine) -> Affine:
    try:
        _, transform = cv2.findTransformECC(
            fixed.picture,
            moving.picture,
            start.copy(),
            cv2.MOTION_AFFINE,
            ECC_CRITERIA,
            moving.mask.astype(np.uint8) * 255,
            ECC_SMOOTHING_PX,
        )
    except cv2.error:  # it did not converge: the start stands
        return start
    return np.asarray(transform, np.float32)


def _is_plausible(transform: Affine) -> bool:
    stretches = np.linalg.svd(transform[:, :2], compute_uv=False)
    smallest, largest = STRETCH_RANGE
    return bool(smallest <= stretches.min() and stretches.max() <= largest)


def _score(fixed: Features, moving: Features, transform: Affine) -> float:
    warped = _warped(moving, transform)
    common = fixed.mask & warped.mask
    overlap = common.sum() / (fixed.mask | warped.mask).sum()
    return correlation(fixed.picture, warped.picture, common) * float(_overlap_factor(overlap))


def _overlap_factor(overlap: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip(overlap / SUFFICIENT_OVERLAP, 0, 1), np.float32)
