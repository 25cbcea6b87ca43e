"""The pectoral muscle on an oblique (MLO) view: a straight line in the upper chest-wall corner."""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.segmentation import bounding_box

CANDIDATES = 26
SAMPLES = 60
STRIP_PX = 7
"""Distance of the two compared strips from the line (3 mm at 0.4 mm/px)."""
STEEPEST = 0.7
"""The muscle reaches further down the chest wall than 0.7 of what it covers of the upper edge."""
LOWEST_SCORE = 0.012
CONTRAST_RANGE = (-0.05, 0.12)
POSITIVE_CONTRAST = 0.008


def pectoral_muscle(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the pectoral muscle by the straight line of best contrast along its whole length.

    Parameters
    ----------
    image : (rows, cols) float32 ndarray
        Working grid, intensities in [0, 1], chest wall at the left.
    mask : (rows, cols) bool ndarray
        The breast, not empty.

    Returns
    -------
    (rows, cols) bool ndarray
        The muscle inside the mask; all False when no line is convincing.

    Notes
    -----
    Every line from the upper edge to the chest wall is scored by the mean clipped contrast of
    the strips beside it, times the share of samples where the muscle side is brighter, times the
    root of its length: a short bright edge cannot win.
    """
    top, bottom, left, right = bounding_box(mask)
    height, width = bottom - top, right - left
    across, down = np.meshgrid(
        np.linspace(0.12, 0.95, CANDIDATES) * width, np.linspace(0.18, 0.95, CANDIDATES) * height
    )
    steep = down >= STEEPEST * across
    across, down = across[steep], down[steep]
    if across.size == 0:
        return np.zeros_like(mask)
    scores = _line_scores(image, top=top, left=left, across=across, down=down) * np.sqrt(
        np.hypot(across, down) / height
    )
    best = int(np.argmax(scores))
    rows, cols = np.ogrid[: mask.shape[0], : mask.shape[1]]
    muscle = mask & ((cols - left) / across[best] + (rows - top) / down[best] < 1)
    tissue = mask & ~muscle
    if scores[best] < LOWEST_SCORE or not muscle.any() or not tissue.any():
        return np.zeros_like(mask)
    if image[muscle].mean() < 0.95 * image[tissue].mean():
        return np.zeros_like(mask)
    return np.asarray(muscle)


def _line_scores(
    image: NDArray[np.float32],
    *,
    top: int,
    left: int,
    across: NDArray[np.float64],
    down: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Score lines from (top, left + across) to (top + down, left)."""
    smooth = cv2.GaussianBlur(image, (0, 0), 2.0)
    along = np.linspace(0.06, 0.94, SAMPLES)
    cols = left + np.outer(across, 1 - along)
    rows = top + np.outer(down, along)
    length = np.hypot(across, down)
    step_cols = (STRIP_PX * down / length)[:, None]
    step_rows = (STRIP_PX * across / length)[:, None]

    def sample(sign: int) -> NDArray[np.float32]:
        return np.asarray(
            cv2.remap(
                smooth,
                (cols + sign * step_cols).astype(np.float32),
                (rows + sign * step_rows).astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.float32,
        )

    contrast = sample(-1) - sample(1)
    return np.asarray(
        np.clip(contrast, *CONTRAST_RANGE).mean(axis=1)
        * (contrast > POSITIVE_CONTRAST).mean(axis=1),
        np.float64,
    )
