"""What re-imaging does: to a place, seen all over the same breast, and to the similarity.

A mean over a disc says nothing by itself. Discs of the same size elsewhere in the same breast have
the same texture, noise and misalignment and no lesion that changed: their median and spread are the
noise floor, fitted on this very pair.

A similarity says nothing by itself either: badly positioned pairs are less alike. How alike a pair
is at the fine scales tells how badly it is positioned, and so how alike it should be at the coarse
one; what is missing there is not explained by re-imaging.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.mark import Mark

COVERED = 0.7
"""Share of a ring that must lie in the assessed breast for its mean to count."""
CLEARANCE = 1.5
"""Rings whose centre is nearer to the mark than so many radii are no witnesses."""
FEWEST_WITNESSES = 50
HEADLINE_MM = "3.2"
FINER_MM = ("0.4", "0.8", "1.6")
MAD_TO_SD = 1.4826
SMALLEST_SPREAD = 1e-4

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SimilarityFloor:
    """The similarity at 3.2 mm that re-imaging alone leaves, from that at finer scales.

    Attributes
    ----------
    intercept : float
    weights : dict of str to float
        By scale, millimetres a pixel.
    """

    intercept: float
    weights: dict[str, float]

    def drop(self, ssim_by_scale_mm: Mapping[str, float]) -> float:
        """Return how far the pair falls below what re-imaging alone leaves; negative above it."""
        expected = self.intercept + sum(
            weight * ssim_by_scale_mm[scale] for scale, weight in self.weights.items()
        )
        return expected - ssim_by_scale_mm[HEADLINE_MM]


def robust_z(image: Image, witnesses: Mask) -> Image:
    """Return deviations from the median of the witnesses, in their robust standard deviations."""
    values = image[witnesses]
    median = np.median(values)
    spread = MAD_TO_SD * np.median(np.abs(values - median))
    return np.asarray((image - median) / max(float(spread), SMALLEST_SPREAD), np.float32)


def ring_z(
    image: Image, assessed: Mask, mark: Mark, *, inner: float = 0.0, outer: float = 1.0
) -> float:
    """Set the mean over a ring round a mark against the same ring all over the breast.

    Parameters
    ----------
    image : (rows, cols) float32 ndarray
        A signed map, such as the density difference.
    assessed : (rows, cols) bool ndarray
        Where it may be read; not empty.
    mark : Mark
        In pixels of this grid.
    inner, outer : float
        Of the ring, in radii of the mark; ``inner`` 0 is a disc.

    Returns
    -------
    float
        Standard deviations above (positive) or below what the breast does elsewhere.
    """
    ring = _ring(mark.radius, inner, outer)
    weight = assessed.astype(np.float32)
    covered = cv2.filter2D(weight, -1, ring, borderType=cv2.BORDER_CONSTANT)
    total = cv2.filter2D(image * weight, -1, ring, borderType=cv2.BORDER_CONSTANT)
    mean = np.asarray(total / np.maximum(covered, np.float32(1e-3)), np.float32)
    near = Mark(mark.x, mark.y, CLEARANCE * mark.radius).covers(assessed.shape)
    witnesses = assessed & ~near & (covered > COVERED * ring.sum())
    if witnesses.sum() < FEWEST_WITNESSES:
        witnesses = assessed
    row, col = nearest_pixel(mark, assessed.shape)
    return float(robust_z(mean, witnesses)[row, col])


def nearest_pixel(mark: Mark, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the (row, column) of a mark's centre, kept inside the picture."""
    row, col = (
        min(max(round(place), 0), side - 1)
        for place, side in zip((mark.y, mark.x), shape, strict=True)
    )
    return row, col


def _ring(radius: float, inner: float, outer: float) -> Image:
    reach = int(np.ceil(radius * outer)) + 1
    rows, cols = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(rows, cols) / radius
    ring = ((distance >= inner) & (distance < outer)).astype(np.float32)
    ring[reach, reach] = 1 if inner == 0 else 0
    return ring
