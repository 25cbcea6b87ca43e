"""The processing steps of the published pipeline, as pictures a reader can look at.

They are shown, not measured: classification and comparison start from ``breast.prepare_breast``.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.segmentation import resize

LONGEST_SIDE_PX = 800
DENOISING_KERNEL_PX = 5
CANNY_THRESHOLDS = (50, 150)
GRAY_LEVELS = 256


@dataclass(frozen=True, eq=False)
class ProcessingViews:
    """The steps for one picture, all of one shape.

    Attributes
    ----------
    grayscale, denoised : (rows, cols) uint8 ndarray
        The picture, and the same after a 5 x 5 Gaussian.
    edges : (rows, cols) uint8 ndarray
        Canny's edges of the denoised picture, 0 or 255.
    threshold : (rows, cols) uint8 ndarray
        The region of interest: the largest region above Otsu's threshold, in gray; elsewhere 0.
    region_of_interest : tuple of int
        (top, bottom, left, right) of that region; bottom and right exclusive.
    histogram : (256,) int64 ndarray
        Pixels of ``grayscale`` a gray level.
    """

    grayscale: NDArray[np.uint8]
    denoised: NDArray[np.uint8]
    edges: NDArray[np.uint8]
    threshold: NDArray[np.uint8]
    region_of_interest: tuple[int, int, int, int]
    histogram: NDArray[np.int64]


def processing_views(pixels: NDArray[np.float32]) -> ProcessingViews:
    """Compute the published processing steps.

    Parameters
    ----------
    pixels : (rows, cols) float32 ndarray
        Intensities in [0, 1]; reduced to 800 px on the longest side. Not modified.

    References
    ----------
    Canny (1986), doi:10.1109/TPAMI.1986.4767851; Otsu (1979), doi:10.1109/TSMC.1979.4310076.
    """
    small = resize(pixels, min(1.0, LONGEST_SIDE_PX / max(pixels.shape)))
    grayscale = np.asarray(cv2.convertScaleAbs(small, alpha=GRAY_LEVELS - 1), np.uint8)
    kernel = DENOISING_KERNEL_PX, DENOISING_KERNEL_PX
    denoised = np.asarray(cv2.GaussianBlur(grayscale, kernel, 0), np.uint8)
    region, box = _largest_bright_region(denoised)
    return ProcessingViews(
        grayscale=grayscale,
        denoised=denoised,
        edges=np.asarray(cv2.Canny(denoised, *CANNY_THRESHOLDS), np.uint8),
        threshold=np.where(region, denoised, np.uint8(0)),
        region_of_interest=box,
        histogram=np.bincount(grayscale.ravel(), minlength=GRAY_LEVELS),
    )


def _largest_bright_region(
    gray: NDArray[np.uint8],
) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
    _, bright = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bright)
    if count == 1:
        return np.zeros(gray.shape, bool), (0, 0, 0, 0)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height = (int(each) for each in stats[largest, :4])
    return labels == largest, (top, top + height, left, left + width)
