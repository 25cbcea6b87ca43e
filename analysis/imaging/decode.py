"""From a stored grayscale PNG to float32 intensities in [0, 1]."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.errors import ImagingError

COLOUR_NDIM = 3
FULL_SCALE = {"uint8": 255, "uint16": 65535}


def load_pixels(path: Path) -> NDArray[np.float32]:
    """Read an 8 or 16-bit picture of bright tissue; colour becomes gray.

    Parameters
    ----------
    path : Path
        A PNG or JPEG with presentation values.

    Returns
    -------
    (rows, cols) float32 ndarray
        Intensities in [0, 1], as shares of the full scale of the file's 8 or 16 bit. Whoever
        writes such a file spreads lower detector depths over the full scale.

    Raises
    ------
    ImagingError
        ``unreadable`` if the file is no picture, ``unsupported_depth`` if it is neither 8 nor
        16 bit.
    """
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise ImagingError("unreadable", "Expected a PNG or JPEG picture; it cannot be read.")
    if stored.ndim == COLOUR_NDIM:
        stored = cv2.cvtColor(np.ascontiguousarray(stored[..., :3]), cv2.COLOR_BGR2GRAY)
    if stored.dtype.name not in FULL_SCALE:
        raise ImagingError("unsupported_depth", f"Expected 8 or 16 bit; {stored.dtype} arrived.")
    pixels = stored.astype(np.float32)
    pixels /= np.float32(FULL_SCALE[stored.dtype.name])
    return pixels
