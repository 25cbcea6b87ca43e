"""Gray scales: match a registered prior to the current picture, and window both on the tissue."""

import numpy as np
from numpy.typing import NDArray

QUANTILES = (1, 5, 15, 30, 50, 70, 85, 95, 99)
"""Percentiles that are matched. A full histogram match could redraw a lesion's gray values; nine
points describe exposure and processing but not a small lesion."""

SMALLEST_WINDOW = 0.02

SLOPE_RANGE = (0.3, 3.0)
"""Allowed slopes beyond the outermost quantiles."""


def match_intensities(
    prior: NDArray[np.float32], current: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Map the prior's intensities monotonously so that its quantiles meet the current ones.

    Parameters
    ----------
    prior, current : (rows, cols) float32 ndarray
        Registered to each other, intensities in [0, 1]. Not modified.
    mask : (rows, cols) bool ndarray
        Where both show the breast; not empty.

    Returns
    -------
    (rows, cols) float32 ndarray
        The prior in the gray scale of the current picture, clipped to [0, 1].
    """
    return matched(prior, gray_match(prior, current, mask))


def gray_match(
    prior: NDArray[np.float32], current: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the map as its support points, (n, 2): intensity of the prior, of the current one."""
    source = np.percentile(prior[mask], QUANTILES) + 1e-6 * np.arange(len(QUANTILES))
    target = np.percentile(current[mask], QUANTILES)
    slopes = np.clip(np.diff(target) / np.diff(source), *SLOPE_RANGE)
    source = np.concatenate([source[:1] - 1, source, source[-1:] + 1])
    target = np.concatenate([target[:1] - slopes[0], target, target[-1:] + slopes[-1]])
    return np.column_stack([source, target])


def matched(prior: NDArray[np.float32], match: NDArray[np.float64]) -> NDArray[np.float32]:
    """Put intensities of the prior through the map, clipped to [0, 1]."""
    return np.clip(np.interp(prior, *match.T), 0, 1).astype(np.float32)


def window_on_tissue(
    image: NDArray[np.float32], *, darkest: float, brightest: float
) -> NDArray[np.float32]:
    """Stretch [darkest, brightest] to [0, 1] and clip, as a reading window does."""
    width = max(brightest - darkest, SMALLEST_WINDOW)
    shown = (image - np.float32(darkest)) / np.float32(width)
    return np.asarray(np.clip(shown, 0, 1), np.float32)


def tissue_window(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 1st and 99th percentile inside the mask."""
    darkest, brightest = np.percentile(image[mask], (QUANTILES[0], QUANTILES[-1]))
    return float(darkest), float(brightest)
