"""Averages that only see pixels of the breast (normalised convolution)."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)

TRUNCATE = 3.5
"""The Gaussian window ends at this many standard deviations, as in scikit-image."""


def masked_blur(image: NDArray[Real], mask: NDArray[np.bool_], *, sigma_px: float) -> NDArray[Real]:
    """Gaussian average over mask pixels only; 0 outside the mask.

    Parameters
    ----------
    image : (rows, cols) float32 or float64 ndarray
    mask : (rows, cols) bool ndarray
    sigma_px : float
        Standard deviation of the window.

    References
    ----------
    Knutsson and Westin (1993), "Normalized and differential convolution",
    doi:10.1109/CVPR.1993.341081.
    """
    weights = mask.astype(image.dtype)
    total = np.maximum(_blur(weights, sigma_px), 1e-4)
    return np.asarray(_blur(image * weights, sigma_px) / total * weights, image.dtype)


def local_contrast(
    image: NDArray[np.float32], mask: NDArray[np.bool_], *, sigma_px: float
) -> NDArray[np.float32]:
    """Deviation from the local mean in local standard deviations, clipped to [-3, 3].

    Exposure, and the fall of thickness towards the skin, drop out; structure stays.
    """
    deviation = image - masked_blur(image, mask, sigma_px=sigma_px)
    spread = np.sqrt(masked_blur(deviation**2, mask, sigma_px=sigma_px))
    contrast = np.clip(deviation / (spread + np.float32(0.01)), -3, 3)
    return np.where(mask, contrast, np.float32(0))


def correlation(
    first: NDArray[np.float32], second: NDArray[np.float32], mask: NDArray[np.bool_]
) -> float:
    """Pearson's correlation inside the mask; 0 when it is empty or a side is constant."""
    a, b = first[mask].astype(np.float64), second[mask].astype(np.float64)
    if a.size == 0:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / power if power > 0 else 0.0


def _blur(image: NDArray[Real], sigma_px: float) -> NDArray[Real]:
    size = 2 * int(TRUNCATE * sigma_px + 0.5) + 1
    blurred = cv2.GaussianBlur(image, (size, size), sigma_px, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, image.dtype)
