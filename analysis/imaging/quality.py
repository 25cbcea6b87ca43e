"""Quality gates: may this picture be measured at all? Each failed gate has a stable code.

The limits lie outside the range of all but one of 593 research films (INbreast, CDD-CESM,
mini-MIAS), which ``python -m benchmarks.comparison`` counts, as they are and blurred.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.segmentation import bounding_box

BLANK_RANGE = 0.02
"""Between the 0.5th and 99.5th percentile of the picture."""
SMALLEST_BREAST_SHARE = 0.03
LARGEST_BREAST_SHARE = 0.96
LOWEST_CONTRAST = 0.06
"""Between the 5th and 95th percentile inside the breast."""
SATURATED_VALUE = 0.995
LARGEST_SATURATED_SHARE = 0.3
LARGEST_CUT_SHARE = 0.25
"""Share of the picture's height where the breast runs out of the side opposite the chest wall."""

LARGEST_END_RATIO = 0.5
"""Height at the nipple end over height at the chest wall: a breast tapers."""
LARGEST_BOX_FILL = 0.93
SMALLEST_SOLIDITY = 0.65
SMALLEST_ASPECT = 0.8
BRIGHTEST_BACKGROUND = 0.35
"""Median outside over median inside the breast: film and detector background is dark."""
TEXTURE_RANGE = (0.015, 0.6)
"""Detail finer than 1 px over total variation: tissue is neither a smooth ramp nor noise."""
LOWEST_SHARPNESS = 0.30
"""Detail finer than 1 px over detail of 2 to 4 px, at segmentation size. Of 593 research films the
lowest reaches 0.37 and the 1st percentile 0.44; blurred by 1 mm the highest is 0.22."""
INNER_PX = 15


def failed_gates(grid: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """Name the quality gates that a picture fails.

    Parameters
    ----------
    grid : (rows, cols) float32 ndarray
        Intensities in [0, 1] at segmentation size, chest wall at the left.
    mask : (rows, cols) bool ndarray
        The breast (see ``segmentation.segment_breast``).

    Returns
    -------
    tuple of str
        Empty when the picture can be measured. ``blank``: one value all over; ``no_breast``:
        nothing, or almost nothing, stands out; ``not_a_mammogram``: shape, background or texture
        of no breast; ``low_contrast``; ``saturated``; ``blurred``; ``cut``: the breast runs out of
        the picture opposite the chest wall.
    """
    darkest, brightest = np.percentile(grid, (0.5, 99.5))
    if brightest - darkest < BLANK_RANGE:
        return ("blank",)
    if mask.mean() < SMALLEST_BREAST_SHARE:
        return ("no_breast",)
    inside = grid[mask]
    gates = {
        "not_a_mammogram": not (_is_breast_shaped(mask) and _looks_like_film(grid, mask)),
        "low_contrast": np.subtract(*np.percentile(inside, (95, 5))) < LOWEST_CONTRAST,
        "saturated": (inside >= SATURATED_VALUE).mean() > LARGEST_SATURATED_SHARE,
        "blurred": _sharpness(grid, mask) < LOWEST_SHARPNESS,
        "cut": mask[:, -1].mean() > LARGEST_CUT_SHARE,
    }
    return tuple(code for code, failed in gates.items() if failed)


def _is_breast_shaped(mask: NDArray[np.bool_]) -> bool:
    top, bottom, left, right = bounding_box(mask)
    box = mask[top:bottom, left:right]
    strip = max(3, box.shape[1] // 20)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    solidity = cv2.contourArea(outline) / max(cv2.contourArea(cv2.convexHull(outline)), 1)
    return bool(
        mask.mean() < LARGEST_BREAST_SHARE
        and box.mean() < LARGEST_BOX_FILL
        and box[:, -strip:].sum() < LARGEST_END_RATIO * box[:, :strip].sum()
        and box.shape[0] > SMALLEST_ASPECT * box.shape[1]
        and solidity > SMALLEST_SOLIDITY
    )


def _sharpness(grid: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Set the finest detail of the tissue against the next coarser; a small breast passes."""
    inner = _inner(mask)
    if not inner.any():
        return 1.0
    fine, middle, coarse = (cv2.GaussianBlur(grid, (0, 0), sigma) for sigma in (1.0, 2.0, 4.0))
    return float((grid - fine)[inner].std() / max((middle - coarse)[inner].std(), 1e-6))


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the tissue away from the border."""
    return cv2.erode(mask.astype(np.uint8), np.ones((INNER_PX, INNER_PX))) > 0


def _looks_like_film(grid: NDArray[np.float32], mask: NDArray[np.bool_]) -> bool:
    if mask.all() or np.median(grid[~mask]) > BRIGHTEST_BACKGROUND * np.median(grid[mask]):
        return False
    inner = _inner(mask)
    if not inner.any():
        return False
    detail = grid - cv2.GaussianBlur(grid, (0, 0), 1.0)
    total = float(grid[inner].std())
    smooth, noise = TEXTURE_RANGE
    return smooth * total < float(detail[inner].std()) < noise * total
