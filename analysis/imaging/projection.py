"""What the outline of the breast says about the view: an oblique one is wide at the top.

The coefficients lie beside this module, written by ``python -m benchmarks.fit_projection``.
"""

import json
from functools import cache

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.calibration import FOLDER
from analysis.imaging.errors import ImagingError

BANDS = 20


def outline_profile(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Width of the breast in 20 bands from top to bottom, as shares of its greatest width.

    Parameters
    ----------
    mask : (rows, cols) bool ndarray
        True inside the breast, at least 20 rows high.

    Returns
    -------
    (20,) float64 ndarray
        In [0, 1].

    Raises
    ------
    ImagingError
        ``empty_mask`` if there are fewer than 20 rows of breast.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size < BANDS:
        raise ImagingError("empty_mask", f"Expected {BANDS} rows of breast, found {rows.size}.")
    widths = mask[rows[0] : rows[-1] + 1].sum(axis=1)
    bands = np.array_split(widths / widths.max(), BANDS)
    return np.array([band.mean() for band in bands])


def obliqueness(mask: NDArray[np.bool_]) -> float:
    """Log odds that the outline is of an MLO view rather than of a CC view.

    Parameters
    ----------
    mask : (rows, cols) bool ndarray
        True inside the breast, pectoral muscle included, the patient's head at the top.

    Raises
    ------
    ImagingError
        ``empty_mask``, as ``outline_profile``.
    """
    intercept, weights = _coefficients()
    return float(intercept + outline_profile(mask) @ weights)


@cache
def _coefficients() -> tuple[float, NDArray[np.float64]]:
    stored = json.loads((FOLDER / "projection-1.json").read_text(encoding="utf-8"))
    return stored["intercept"], np.array(stored["weights"])
