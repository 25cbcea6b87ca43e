"""Structural similarity (SSIM) of two registered mammograms, inside the breast only.

Two black backgrounds agree perfectly, so every pixel of background would raise the score of
every pair. Local means and variances are therefore taken over pixels of the breast alone, and
the score is averaged a little inside its border.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.errors import ImagingError
from analysis.imaging.masked import MaskedBlur

SIGMA_PX = 1.5
DATA_RANGE = 1.0
C1 = (0.01 * DATA_RANGE) ** 2
C2 = (0.03 * DATA_RANGE) ** 2
C3 = C2 / 2
RIM_PX = 2
"""Pixels along the border of the mask that are left out of the mean."""
SMALLEST_SIDE_PX = 11
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@dataclass(frozen=True, eq=False)
class Similarity:
    """How alike two pictures are at one scale; each figure is a mean over ``mask``.

    Attributes
    ----------
    ssim : float
        1.0 for identical pictures, in [-1, 1]. The mean of ``local``.
    luminance, contrast, structure : float
        The parts of SSIM: agreement of local mean, of local spread, and local correlation.
    contrast_structure : float
        Mean of the product of the last two, which MS-SSIM takes at every scale.
    local : (rows, cols) float32 ndarray
        SSIM of each pixel's neighbourhood; 0 where there is no breast.
    mask : (rows, cols) bool ndarray
        The pixels that count.
    """

    ssim: float
    luminance: float
    contrast: float
    structure: float
    contrast_structure: float
    local: NDArray[np.float32]
    mask: NDArray[np.bool_]


def structural_similarity_inside(
    current: NDArray[np.float32],
    prior: NDArray[np.float32],
    mask: NDArray[np.bool_],
    *,
    factor: int = 1,
) -> Similarity:
    """Measure masked SSIM with a Gaussian window.

    Parameters
    ----------
    current, prior : (rows, cols) float32 ndarray
        Intensities in [0, 1], registered to each other. Not modified.
    mask : (rows, cols) bool ndarray
        Where both show the breast.
    factor : int
        Average blocks of factor x factor pixels first; the sides must be multiples of it.

    Returns
    -------
    Similarity
        On the averaged grid.

    Raises
    ------
    ImagingError
        ``shape_mismatch``, ``too_small``, ``out_of_range`` or ``empty_mask``.

    References
    ----------
    Wang et al. (2004), doi:10.1109/TIP.2003.819861, with its Gaussian window of 1.5 px,
    population covariance, K1 = 0.01, K2 = 0.03 and a data range of 1.
    """
    _check(current, prior, mask, factor)
    first, second = _averaged(current, factor), _averaged(prior, factor)
    inside = _averaged(mask.astype(np.float32), factor) > 0.999
    if not inside.any():
        raise ImagingError("empty_mask", "Expected a mask with breast in it; none is left.")
    luminance, contrast, structure = _parts(first, second, inside)
    counted = _without_rim(inside)
    local = luminance * contrast * structure

    def mean(part: NDArray[np.float64]) -> float:
        return float(part[counted].mean())

    return Similarity(
        ssim=mean(local),
        luminance=mean(luminance),
        contrast=mean(contrast),
        structure=mean(structure),
        contrast_structure=mean(contrast * structure),
        local=np.where(inside, local, 0).astype(np.float32),
        mask=counted,
    )


def multiscale_ssim(scales: Iterable[Similarity]) -> float:
    """Combine one pair's similarities, finest first, into MS-SSIM.

    The product over scales of contrast and structure, each to the power of its weight, times the
    luminance of the coarsest scale. An anticorrelated scale has no real power and counts as 0.

    Parameters
    ----------
    scales : iterable of Similarity
        Each at half the resolution of the one before; at most five.

    Returns
    -------
    float
        In [0, 1]; 1.0 for identical pictures.

    References
    ----------
    Wang, Simoncelli and Bovik (2003), doi:10.1109/ACSSC.2003.1292216; its weights of the scales
    used, scaled to a sum of 1.
    """
    found = list(scales)
    weights = np.array(SCALE_WEIGHTS[: len(found)])
    weights /= weights.sum()
    parts = np.clip([each.contrast_structure for each in found], 0, 1)
    coarsest = float(np.clip(found[-1].luminance, 0, 1))
    return float(coarsest ** weights[-1] * np.prod(parts**weights))


def _parts(
    first: NDArray[np.float64], second: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    average = MaskedBlur[np.float64](inside, sigma_px=SIGMA_PX, dtype=np.float64)
    mean_1, mean_2 = average(first), average(second)
    variance_1 = np.maximum(average(first**2) - mean_1**2, 0)
    variance_2 = np.maximum(average(second**2) - mean_2**2, 0)
    spread = np.sqrt(variance_1 * variance_2)
    covariance = np.clip(average(first * second) - mean_1 * mean_2, -spread, spread)
    return (
        (2 * mean_1 * mean_2 + C1) / (mean_1**2 + mean_2**2 + C1),
        (2 * spread + C2) / (variance_1 + variance_2 + C2),
        (covariance + C3) / (spread + C3),
    )


def _averaged(image: NDArray[np.float32], factor: int) -> NDArray[np.float64]:
    size = image.shape[1] // factor, image.shape[0] // factor
    averaged = cv2.resize(image.astype(np.float64), size, interpolation=cv2.INTER_AREA)
    return np.asarray(averaged, np.float64)


def _without_rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    window = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    inner = cv2.erode(
        mask.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT, borderValue=[0]
    ).astype(bool)
    return inner if inner.any() else mask


def _check(
    current: NDArray[np.float32], prior: NDArray[np.float32], mask: NDArray[np.bool_], factor: int
) -> None:
    if not current.shape == prior.shape == mask.shape:
        raise ImagingError(
            "shape_mismatch",
            f"Expected one shape; {current.shape}, {prior.shape}, {mask.shape} arrived.",
        )
    if min(current.shape) < SMALLEST_SIDE_PX * factor:
        raise ImagingError(
            "too_small",
            f"Expected {SMALLEST_SIDE_PX * factor} px a side or more; {current.shape} arrived.",
        )
    for image in (current, prior):
        inside = image[mask]
        if not (np.isfinite(inside).all() and ((inside >= 0) & (inside <= 1)).all()):
            raise ImagingError("out_of_range", "Expected intensities in [0, 1] inside the mask.")
