"""The real film a pair starts from."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.mark import grid_placement
from benchmarks.simulator.grid import Image, Mask, blur

DENOISING_STRENGTH = 3
CANVAS_PX = 512
"""Smallest side of the canvas: the random fields are scaled over it."""


@dataclass(frozen=True, eq=False)
class BaselineFilm:
    """A film without a mass, in its place on the detector, chest wall at column 0.

    Attributes
    ----------
    patient : str
    view : str or None
    image : (rows, cols) float32 ndarray
        0 outside the breast.
    mask, roi : (rows, cols) bool ndarray
        The breast, and the breast without the pectoral muscle.
    """

    patient: str
    view: str | None
    image: Image
    mask: Mask
    roi: Mask

    @cached_property
    def denoised(self) -> Image:
        """The tissue, so that a follow-up film can get noise of its own."""
        gray = cv2.convertScaleAbs(self.image, alpha=255)
        smooth = cv2.fastNlMeansDenoising(gray, None, DENOISING_STRENGTH, 5, 13)
        mixed = 0.5 * smooth.astype(np.float32) / 255 + 0.5 * blur(self.image, 0.32)
        return np.where(self.mask, mixed, 0).astype(np.float32)


def baseline_film(breast: PreparedBreast, *, patient: str) -> BaselineFilm:
    """Put the prepared breast back to its height on the film; what lies outside is dark."""
    placement = grid_placement(breast)
    top = round(placement.top * placement.scale)
    rows = max(CANVAS_PX, round(breast.source.shape[0] * placement.scale))
    height, width = breast.image.shape
    below = max(0, rows - top - height)
    room = (top, below), (0, max(0, CANVAS_PX - width))
    image, mask, roi = (np.pad(each, room) for each in (breast.image, breast.mask, breast.roi))
    return BaselineFilm(patient=patient, view=breast.view, image=image, mask=mask, roi=roi)
