"""The published comparison, kept to be measured against: 150 x 150 pixels and plain SSIM.

The whole picture, background and labels included, is squeezed to a square; nothing is aligned.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

SIDE_PX = 150


def paper_ssim(prior: NDArray[np.float32], current: NDArray[np.float32]) -> float:
    """Return plain SSIM of two whole pictures at 150 x 150.

    Parameters
    ----------
    prior, current : (rows, cols) float32 ndarray
        Intensities in [0, 1]; the shapes may differ.

    Returns
    -------
    float
        In [-1, 1]; scikit-image's 7 x 7 uniform window, 8-bit data range.
    """
    squeezed = paper_gray(prior), paper_gray(current)
    return float(structural_similarity(*squeezed, data_range=255))


def paper_gray(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the picture as 150 x 150 gray levels, aspect ratio lost as published."""
    gray = cv2.convertScaleAbs(pixels, alpha=255)
    return np.asarray(cv2.resize(gray, (SIDE_PX, SIDE_PX)), np.uint8)
