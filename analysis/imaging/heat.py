"""A heat map over the picture it was computed from, for people."""

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.film_display import Colour, as_colour, encode_png, hung

HEAT_COLOURS = cv2.COLORMAP_INFERNO
OVERLAY_HEIGHT_PX = 800
FIGURE_OPACITY = 0.62


def heat_overlay(breast: PreparedBreast, heat: NDArray[np.float32]) -> Colour:
    """Lay a heat map over the whole picture as it came.

    Parameters
    ----------
    breast : PreparedBreast
        Of which a breast was found.
    heat : (rows, cols) float32 ndarray
        In [0, 1], of the shape of ``breast.image``.

    Returns
    -------
    (rows, cols, 4) uint8 ndarray
        BGRA of the aspect of ``breast.source``, 800 rows or fewer; the cooler, the more
        transparent, and wholly so beside the breast's box.
    """
    rows, cols = breast.source.shape
    scale = min(1.0, OVERLAY_HEIGHT_PX / rows)
    overlay = np.zeros((round(rows * scale), round(cols * scale), 4), np.uint8)
    down, across = (slice(round(s.start * scale), round(s.stop * scale)) for s in breast.box)
    within = overlay[down, across]
    levels = np.asarray(cv2.convertScaleAbs(np.clip(heat, 0, 1), alpha=255), np.uint8)
    laid = hung(levels, breast.chest_wall)
    shown = cv2.resize(laid, within.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    within[..., :3] = cv2.applyColorMap(shown, HEAT_COLOURS)
    within[..., 3] = shown
    return overlay


def heat_figure(breast: PreparedBreast, heat: NDArray[np.float32]) -> bytes:
    """Draw one PNG: the whole picture, and the same under its heat map."""
    overlay = heat_overlay(breast, heat)
    source = cv2.resize(breast.source, overlay.shape[1::-1], interpolation=cv2.INTER_AREA)
    picture = as_colour(np.asarray(cv2.convertScaleAbs(source, alpha=255), np.uint8))
    opacity = FIGURE_OPACITY * (overlay[..., 3:] / 255)
    blended = (1 - opacity) * picture + opacity * overlay[..., :3]
    return encode_png(np.hstack([picture, blended.astype(np.uint8)]))
