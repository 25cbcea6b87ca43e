"""How a film is put before people: gray in its reading window, hung as it was, marks drawn on it.

Breasts are shown as they were hung: the chest wall lies where it lies in the source picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.errors import ImagingError
from analysis.imaging.photometry import tissue_window, window_on_tissue
from analysis.imaging.segmentation import Side

LESION_INK = (90, 200, 255)
MARK_INK = (190, 190, 190)
ATTENTION_INK = (230, 190, 90)
"""Colours are (blue, green, red), as OpenCV has them."""
DARKEST_SHOWN = 0.05
"""The reading window opens no higher than this, so that the skin line stays visible."""

Gray = NDArray[np.uint8]
Colour = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a gray, BGR or BGRA picture as PNG."""
    encoded, buffer = cv2.imencode(".png", picture)
    if not encoded:
        raise ImagingError("not_encodable", f"Expected a picture; {picture.shape} arrived.")
    return buffer.tobytes()


def reading_window(image: NDArray[np.float32], mask: Mask) -> tuple[float, float]:
    """Return (darkest, brightest) of the tissue; the whole range where there is none."""
    return tissue_window(image, mask) if mask.any() else (0.0, 1.0)


def in_window(image: NDArray[np.float32], window: tuple[float, float]) -> Gray:
    """Return 8-bit gray in a reading window."""
    darkest, brightest = window
    shown = window_on_tissue(image, darkest=min(darkest, DARKEST_SHOWN), brightest=brightest)
    return np.asarray(cv2.convertScaleAbs(shown, alpha=255), np.uint8)


def reading_gray(image: NDArray[np.float32], mask: Mask) -> Gray:
    """Return 8-bit gray in the film's own reading window."""
    return in_window(image, reading_window(image, mask))


def hung(picture: NDArray[np.uint8], chest_wall: Side) -> NDArray[np.uint8]:
    """Turn a picture of the working grid, chest wall at the left, as it was hung."""
    return picture if chest_wall == "left" else np.ascontiguousarray(picture[:, ::-1])


def as_colour(gray: Gray) -> Colour:
    """Return (rows, cols, 3) BGR."""
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def contours_of(region: Mask) -> list[NDArray[np.int32]]:
    """Return the outer borders of a region, (points, 1, 2) as (column, row)."""
    found, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [np.asarray(each, np.int32) for each in found]
