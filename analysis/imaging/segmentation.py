"""Where the breast is: a mask without labels, tape and film frame, and its chest-wall side."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

GRID_PX = 640
"""Longest side of the picture that is segmented: one grid for every detector, so that sizes
below are shares of a film (about 0.4 mm/px on a 24 x 30 cm detector)."""

NOISE_SIGMA_PX = 1.5
LABEL_PX = 15
"""Opening that cuts labels and tape off the breast."""
OUTLINE_PX = 25
"""Closing and opening that smooth the outline."""
TAIL_SHARE = 0.12
"""A row is part of the breast when it reaches this far from the chest wall (share of the depth)."""
MODE_LEVELS = 3
"""Gray levels (of 255) pooled to find the most common background value."""
CHEST_STRIP_SHARE = 0.05
CLEAR_SIDE_RATIO = 1.25
"""One end of the mask is the chest wall beyond doubt when it is this much taller."""

Side = Literal["left", "right"]


def shrink_to_grid(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the picture with its longest side at most ``GRID_PX`` (area average)."""
    scale = GRID_PX / max(pixels.shape)
    if scale >= 1:
        return pixels
    return resize(pixels, scale)


def resize(image: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Resample by a factor, averaging areas when it shrinks."""
    rows, cols = (max(1, round(side * scale)) for side in image.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (cols, rows), interpolation=how), np.float32)


def segment_breast(grid: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the breast: the largest bright region, holes filled, outline smoothed.

    Parameters
    ----------
    grid : (rows, cols) float32 ndarray
        Intensities in [0, 1] at segmentation size (see ``shrink_to_grid``). Not modified.

    Returns
    -------
    (rows, cols) bool ndarray
        All False when nothing stands out of the background.

    Notes
    -----
    Otsu's threshold (doi:10.1109/TSMC.1979.4310076) splits dense from fatty tissue on many
    films; it is pulled down towards the noise of the background below it.
    """
    smooth = np.asarray(cv2.GaussianBlur(grid, (0, 0), NOISE_SIGMA_PX), np.float32)
    bright = (smooth > _threshold(smooth)).astype(np.uint8)
    body = _largest_region(_morphology(bright, cv2.MORPH_OPEN, LABEL_PX))
    if not body.any():
        return body
    body = _fill_holes(body, chest_wall_side(body))
    body = _largest_region(_smooth_outline(body.astype(np.uint8)))
    return _trim_tails(body)


def chest_wall_side(mask: NDArray[np.bool_], laterality: str | None = None) -> Side:
    """Return the side of the picture where the breast ends in the chest wall.

    The breast tapers from the chest wall to the nipple, so the taller end of the mask is the
    chest wall. Where both ends are alike, laterality decides as films are hung: the chest wall
    of a left breast lies at the left.
    """
    left, right = _end_heights(mask)
    if laterality is not None and max(left, right) < CLEAR_SIDE_RATIO * min(left, right):
        return "left" if laterality == "L" else "right"
    return "left" if left >= right else "right"


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return (top, bottom, left, right) of a mask that is not empty; bottom and right exclusive."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1


def _threshold(smooth: NDArray[np.float32]) -> float:
    levels = np.clip(smooth * 255, 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark = levels[levels < otsu / 2]
    if dark.size == 0:
        return float(otsu) / 255
    background = int(np.convolve(np.bincount(dark), np.ones(MODE_LEVELS), "same").argmax())
    below = dark[dark <= background]
    spread = 1.4826 * float(np.median(background - below)) if below.size else 0.0
    return min(0.6 * otsu, max(background + 6 * spread, 0.25 * otsu)) / 255


def _largest_region(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count == 1:
        return np.zeros(mask.shape, bool)
    return np.asarray(labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def _fill_holes(mask: NDArray[np.bool_], chest_wall: Side) -> NDArray[np.bool_]:
    """Fill what the breast encloses, dark gaps at the chest wall included."""
    closed = np.pad(mask, 1)
    _, _, left, right = bounding_box(closed)
    column = closed[:, left] if chest_wall == "left" else closed[:, right - 1]
    touched = np.flatnonzero(column)
    closed[touched[0] : touched[-1] + 1, left - 1 if chest_wall == "left" else right] = True
    _, labels = cv2.connectedComponents((~closed).astype(np.uint8), connectivity=4)
    return np.asarray(labels != labels[0, 0])[1:-1, 1:-1]


def _smooth_outline(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    continued = np.pad(mask, OUTLINE_PX, mode="edge")
    closed = _morphology(continued, cv2.MORPH_CLOSE, OUTLINE_PX)
    opened = _morphology(closed, cv2.MORPH_OPEN, OUTLINE_PX)
    return opened[OUTLINE_PX:-OUTLINE_PX, OUTLINE_PX:-OUTLINE_PX]


def _trim_tails(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop the rows above and below where only a strip runs along the chest wall."""
    depths = mask.sum(axis=1)
    body = np.flatnonzero(depths > TAIL_SHARE * depths.max(initial=0))
    trimmed = np.zeros_like(mask)
    if body.size:
        trimmed[body[0] : body[-1] + 1] = mask[body[0] : body[-1] + 1]
    return trimmed


def _end_heights(mask: NDArray[np.bool_]) -> tuple[int, int]:
    _, _, left, right = bounding_box(mask)
    strip = max(3, round((right - left) * CHEST_STRIP_SHARE))
    return (
        int(mask[:, left : left + strip].sum()),
        int(mask[:, right - strip : right].sum()),
    )


def _morphology(mask: NDArray[np.uint8], operation: int, size_px: int) -> NDArray[np.uint8]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px))
    return np.asarray(cv2.morphologyEx(mask, operation, disc), np.uint8)
