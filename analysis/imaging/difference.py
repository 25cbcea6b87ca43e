"""Signed density difference of a registered pair, set against what re-imaging alone does.

SSIM has no sign and treats a step of one millimetre like a tumour. Here the difference is taken in
the gray scale of the current picture, slow drifts of exposure and density are removed (a breast
that lost density everywhere has not responded), and each pixel is divided by the noise that this
very pair shows at its contrast: where the tissue is steep, a small misalignment makes a large
difference.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.masked import MaskedBlur
from analysis.imaging.photometry import match_intensities

DRIFT_MM = 18.0
DETAIL_MM = 1.0
"""Differences finer than this are noise of detector and texture."""
OUTLYING = 2.5
"""Differences of so many spreads are left out of the drift: a lesion is not drift."""
RIM_MM = 5.0
"""Left out along every border of the common breast: skin rolls, the chest wall is cut."""
SMALLEST_AREA_PX = 500
LEVELS = 12
"""Groups of equal size by contrast, in which the noise is read."""
CHI_SQUARE_MEDIAN = 0.4549
SMALLEST_NOISE = 1e-3
LARGEST_Z = 8.0

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Difference:
    """Current minus prior, on the working grid of the current picture.

    Attributes
    ----------
    signed : (rows, cols) float32 ndarray
        In intensities of the current picture; positive where density was gained.
    z : (rows, cols) float32 ndarray
        ``signed`` over its noise, clipped to [-8, 8]; 0 outside the common breast.
    assessed : (rows, cols) bool ndarray
        Where it may be read: the common breast without a rim of 5 mm.
    noise : float
        Standard deviation in tissue without structure.
    misalignment_mm : float
        How much displacement would explain the extra noise at edges.
    """

    signed: Image
    z: Image
    assessed: Mask
    noise: float
    misalignment_mm: float


def signed_difference(
    *, current: Image, prior: Image, mask: Mask, excluded: Mask | None = None
) -> Difference:
    """Measure current minus prior.

    Parameters
    ----------
    current, prior : (rows, cols) float32 ndarray
        Registered to each other, intensities in [0, 1]. Not modified.
    mask : (rows, cols) bool ndarray
        Where both show the breast; not empty.
    excluded : (rows, cols) bool ndarray, optional
        Neighbourhood of a known lesion: it enters neither the gray scales nor the drift.
    """
    tissue = mask if excluded is None or not (mask & ~excluded).any() else mask & ~excluded
    matched = match_intensities(prior, current, tissue)
    raw = np.where(mask, current - matched, np.float32(0))
    average = MaskedBlur[np.float32](mask, sigma_px=DETAIL_MM / WORKING_SPACING_MM)
    signed = average(raw - _drift(raw, tissue))
    steepness = _steepness(average(matched))
    assessed = _without_rim(mask)
    flat, steep = _noise_model(signed[assessed & tissue], steepness[assessed & tissue])
    noise = np.sqrt(flat**2 + steep**2 * steepness)
    return Difference(
        signed=signed,
        z=np.where(mask, np.clip(signed / noise, -LARGEST_Z, LARGEST_Z), 0).astype(np.float32),
        assessed=assessed,
        noise=flat,
        misalignment_mm=steep * WORKING_SPACING_MM,
    )


def _drift(raw: Image, tissue: Mask) -> Image:
    spread = 1.4826 * float(np.median(np.abs(raw[tissue])))
    weight = (tissue & (np.abs(raw) <= OUTLYING * spread + 1e-4)).astype(np.float32)
    sigma = DRIFT_MM / WORKING_SPACING_MM
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    drift = cv2.GaussianBlur(raw * weight, (0, 0), sigma) / np.maximum(total, np.float32(0.02))
    return np.asarray(drift, np.float32)


def _steepness(picture: Image) -> Image:
    """Squared slope, intensity per px."""
    down, across = np.gradient(picture)
    return np.asarray(down**2 + across**2, np.float32)


def _noise_model(signed: Image, steepness: Image) -> tuple[float, float]:
    """Fit variance = flat^2 + steep^2 * steepness to medians of equal groups by steepness.

    Medians: a lesion that changed is a minority of its group.
    """
    groups = np.array_split(np.argsort(steepness), LEVELS)
    slopes = np.array([steepness[group].mean() for group in groups], np.float64)
    variances = np.array(
        [np.median(signed[group] ** 2) / CHI_SQUARE_MEDIAN for group in groups], np.float64
    )
    variances = np.maximum(variances, SMALLEST_NOISE**2)
    design = np.column_stack([np.ones(LEVELS), slopes]) / variances[:, None]
    (flat, steep), *_ = np.linalg.lstsq(design, np.ones(LEVELS), rcond=None)
    return float(np.sqrt(max(flat, SMALLEST_NOISE**2))), float(np.sqrt(max(steep, 0.0)))


def _without_rim(mask: Mask) -> Mask:
    padded = np.pad(mask, 1).astype(np.uint8)
    depth_px = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    inner = depth_px > RIM_MM / WORKING_SPACING_MM
    return np.asarray(inner) if inner.sum() >= SMALLEST_AREA_PX else mask
