"""Where in the breast the evidence for suspicion lies, and whether that can be believed."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from ml_models.inputs import canvas_box, fit_to_canvas

Floats = NDArray[np.float32]

LARGEST_OUTSIDE_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Grad-CAM of the log-odds of category 4 or higher.

    Attributes
    ----------
    heat : (rows, cols) float32 ndarray
        On the working grid of the prepared breast (``PreparedBreast.image``), in [0, 1] with the
        hottest cell of the network's grid at 1; 0 everywhere when nothing speaks for suspicion.
    outside_share : float
        Share of the positive heat in cells of the network's grid that hold no breast at all.
    """

    heat: Floats
    outside_share: float

    @property
    def plausible(self) -> bool:
        """False when the network looked beside the breast for more than a fifth of its evidence."""
        return self.outside_share <= LARGEST_OUTSIDE_SHARE


def heat_map(signed: Floats, prepared: PreparedBreast, shape: tuple[int, int]) -> HeatMap:
    """Lay the Grad-CAM of a canvas over the breast.

    Parameters
    ----------
    signed : (grid rows, grid cols) float32 ndarray
        Signed Grad-CAM on the network's grid.
    prepared : PreparedBreast
    shape : (rows, cols)
        Of the canvas the network saw.
    """
    positive = np.maximum(signed, 0)
    total, hottest = float(positive.sum()), float(positive.max())
    if hottest == 0:
        return HeatMap(np.zeros(prepared.image.shape, np.float32), outside_share=0.0)
    on_canvas = cv2.resize(positive / hottest, shape[::-1], interpolation=cv2.INTER_LINEAR)
    top, rows, cols = canvas_box(prepared.image.shape, shape)
    heat = cv2.resize(
        on_canvas[top : top + rows, :cols],
        prepared.image.shape[::-1],
        interpolation=cv2.INTER_LINEAR,
    )
    covered = fit_to_canvas(prepared.mask.astype(np.float32), shape)
    touched = cv2.resize(covered, signed.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    return HeatMap(
        heat=np.asarray(heat, np.float32),
        outside_share=float(positive[~touched].sum() / total),
    )
