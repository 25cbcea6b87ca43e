"""Averages that only see pixels of the breast (normalised convolution)."""

from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

Real = TypeVar("Real", np.float32, np.float64)

TRUNCATE = 3.5
"""The Gaussian window ends at this many standard deviations, as in scikit-image."""


class MaskedBlur(Generic[Real]):
    """Gaussian average over mask pixels only; 0 outside the mask.

    Parameters
    ----------
    mask : (rows, cols) bool ndarray
    sigma_px : float
        Standard deviation of the window.
    dtype : float32 or float64
        Of the images.

    References
    ----------
    Knutsson and Westin (1993), "Normalized and differential convolution",
    doi:10.1109/CVPR.1993.341081.
    """

    def __init__(
        self, mask: NDArray[np.bool_], *, sigma_px: float, dtype: DTypeLike = np.float32
    ) -> None:
        self._sigma_px = sigma_px
        self._weights: NDArray[Real] = mask.astype(dtype)
        self._total = np.maximum(_blur(self._weights, sigma_px), 1e-4)

    def __call__(self, image: NDArray[Real]) -> NDArray[Real]:
        """Average an image of the mask's shape."""
        summed = _blur(image * self._weights, self._sigma_px)
        return np.asarray(summed / self._total * self._weights, image.dtype)


def local_contrast(
    image: NDArray[np.float32], mask: NDArray[np.bool_], *, sigma_px: float
) -> NDArray[np.float32]:
    """Deviation from the local mean in local standard deviations, clipped to [-3, 3].

    Exposure, and the fall of thickness towards the skin, drop out; structure stays.
    """
    average = MaskedBlur[np.float32](mask, sigma_px=sigma_px)
    deviation = image - average(image)
    spread = np.sqrt(average(deviation**2))
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
