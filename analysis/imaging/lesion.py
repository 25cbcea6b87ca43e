"""Size of a marked mass on one film, measured on the picture as it is, never on a warped one.

The outline is the closed path of least cost round the mark in polar space: bright inside, dark
outside, agreed by neighbouring directions, its radius changing slowly.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.mark import Mark
from analysis.imaging.masked import MaskedBlur

DIRECTIONS = 96
RADIUS_STEP_MM = 0.4
SMALLEST_RADIUS_MM = 1.6
REACH = 1.6
"""The outline is searched up to so many radii of the mark."""
SMALLEST_REACH_MM = 5.0
EDGE_MM = 1.6
"""Width of the strips inside and outside whose means are compared."""
NEIGHBOURS = 2.0
"""Smoothing of the edge over directions (standard deviation)."""
STEEPEST_STEPS = 2
"""Largest change of radius from one direction to the next, in steps."""
STEP_COST = 0.12
SIZE_COST = 0.5
"""Cost of an outline of twice the expected radius, in units of the strongest edge."""
DETAIL_MM = 0.6
FARTHEST_RECENTRED = 0.6
RING_MM = (1.0, 5.0)
SMALLEST_AREA_PX = 8

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LesionMeasurement:
    """What was found at a mark.

    Attributes
    ----------
    diameter_mm : float
        Longest diameter of the outline; 0 when there is none.
    area_mm2 : float
    contrast : float
        Mean intensity inside less that of a ring outside.
    edge : float
        Mean step across the outline, in intensities: how sure the outline is.
    outline : (rows, cols) bool ndarray
        The lesion.
    """

    diameter_mm: float
    area_mm2: float
    contrast: float
    edge: float
    outline: Mask


def measure_lesion(image: Image, mask: Mask, mark: Mark) -> LesionMeasurement:
    """Outline the mass at a mark, re-centred once.

    Parameters
    ----------
    image : (rows, cols) float32 ndarray
        Working grid of 0.4 mm, intensities in [0, 1]. Not modified.
    mask : (rows, cols) bool ndarray
        The breast.
    mark : Mark
        In pixels of this grid; its radius is the expected size.

    References
    ----------
    Timp and Karssemeijer (2004), "A new 2D segmentation method based on dynamic programming
    applied to computer aided detection in mammography", doi:10.1118/1.1688039.
    """
    window = _window(mask.shape, mark)
    near = mark.moved(across=-window[1].start, down=-window[0].start)
    average = MaskedBlur[np.float32](mask[window], sigma_px=DETAIL_MM / WORKING_SPACING_MM)
    smooth = average(image[window])
    found, _ = _outlined(smooth, mask[window], near)
    found, edge = _outlined(smooth, mask[window], _recentred(near, found))
    outline = np.zeros_like(mask)
    if found.sum() < SMALLEST_AREA_PX:
        return LesionMeasurement(0.0, 0.0, 0.0, 0.0, outline)
    outline[window] = found
    return LesionMeasurement(
        diameter_mm=longest_diameter_px(found) * WORKING_SPACING_MM,
        area_mm2=float(found.sum()) * WORKING_SPACING_MM**2,
        contrast=_contrast(smooth, mask[window], found),
        edge=edge,
        outline=outline,
    )


def longest_diameter_px(outline: Mask) -> float:
    """Return the largest distance between two pixels of a region, their own width included."""
    contours, _ = cv2.findContours(
        outline.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return 0.0
    hull = cv2.convexHull(np.vstack(contours))[:, 0].astype(np.float64)
    return float(np.linalg.norm(hull[:, None] - hull[None], axis=-1).max()) + 1


def _window(shape: tuple[int, ...], mark: Mark) -> tuple[slice, slice]:
    """Return the part of the picture that the outline and its ring can touch."""
    reach_mm = max(mark.radius * WORKING_SPACING_MM * REACH, SMALLEST_REACH_MM) + RING_MM[1]
    reach = int(reach_mm / WORKING_SPACING_MM + FARTHEST_RECENTRED * mark.radius) + 2
    down, across = (
        slice(max(round(min(place, side - 1)) - reach, 0), max(round(place), 0) + reach + 1)
        for place, side in zip((mark.y, mark.x), shape, strict=True)
    )
    return down, across


def _recentred(mark: Mark, outline: Mask) -> Mark:
    """Move the mark to the middle of what was found, but not far."""
    rows, cols = np.nonzero(outline)
    if rows.size == 0:
        return mark
    across, down = float(cols.mean() - mark.x), float(rows.mean() - mark.y)
    share = min(1.0, FARTHEST_RECENTRED * mark.radius / max(float(np.hypot(across, down)), 1e-6))
    return mark.moved(across=across * share, down=down * share)


def _outlined(smooth: Image, mask: Mask, mark: Mark) -> tuple[Mask, float]:
    expected_mm = mark.radius * WORKING_SPACING_MM
    reach_mm = max(expected_mm * REACH, SMALLEST_REACH_MM)
    radii_mm = np.arange(SMALLEST_RADIUS_MM, reach_mm, RADIUS_STEP_MM)
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    across = np.outer(np.cos(angles), radii_mm / WORKING_SPACING_MM) + mark.x
    down = np.outer(np.sin(angles), radii_mm / WORKING_SPACING_MM) + mark.y
    edges = _edges(_sampled(smooth, across, down), _sampled(mask.astype(np.float32), across, down))
    strongest = float(np.percentile(edges, 97)) + 1e-5
    cost = 1 - np.clip(edges / strongest, -0.5, 1.2)
    cost += SIZE_COST * ((radii_mm - expected_mm) / expected_mm) ** 2
    path = _closed_path(cost)
    directions = np.arange(DIRECTIONS)
    corners = np.stack([across[directions, path], down[directions, path]], axis=-1)
    outline = np.zeros(smooth.shape, np.uint8)
    cv2.fillPoly(outline, [np.round(corners).astype(np.int32)], [1])
    return outline.astype(bool) & mask, float(edges[directions, path].mean())


def _sampled(image: Image, across: NDArray[np.float64], down: NDArray[np.float64]) -> Image:
    return np.asarray(
        cv2.remap(
            image,
            across.astype(np.float32),
            down.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def _edges(rays: Image, inside: Image) -> NDArray[np.float64]:
    """Mean just inside minus mean just outside each radius, over neighbouring directions."""
    width = round(EDGE_MM / RADIUS_STEP_MM)
    count = rays.shape[1]
    sums = np.cumsum(np.pad(rays.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    here = np.arange(1, count)
    first, last = np.maximum(here - width, 0), np.minimum(here + width, count)
    edges = np.zeros(rays.shape)
    edges[:, 1:] = (sums[:, here] - sums[:, first]) / (here - first)
    edges[:, 1:] -= (sums[:, last] - sums[:, here]) / (last - here)
    edges[inside <= 0.5] = 0
    return _around(edges)


def _around(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth over directions, which close on themselves."""
    half = int(3 * NEIGHBOURS)
    offsets = np.arange(-half, half + 1)
    weights = np.exp(-0.5 * (offsets / NEIGHBOURS) ** 2)
    weights /= weights.sum()
    return np.asarray(
        sum(w * np.roll(edges, int(o), axis=0) for w, o in zip(weights, offsets, strict=True))
    )


def _closed_path(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the column of least total cost in each row; rows close on themselves.

    Three turns are walked and the middle one is kept.
    """
    rows, count = cost.shape
    turns = np.vstack([cost] * 3)
    total = turns[0].copy()
    came_from = np.zeros(turns.shape, np.intp)
    shifts = np.arange(-STEEPEST_STEPS, STEEPEST_STEPS + 1)
    before = np.arange(count)[None, :] - shifts[:, None]
    allowed = (before >= 0) & (before < count)
    before = np.clip(before, 0, count - 1)
    penalty = np.where(allowed, STEP_COST * np.abs(shifts)[:, None], np.inf)
    columns = np.arange(count)
    for row in range(1, len(turns)):
        options = total[before] + penalty
        chosen = options.argmin(axis=0)
        came_from[row] = before[chosen, columns]
        total = turns[row] + options[chosen, columns]
    path = np.zeros(len(turns), np.intp)
    path[-1] = total.argmin()
    for row in range(len(turns) - 1, 0, -1):
        path[row - 1] = came_from[row, path[row]]
    return path[rows : 2 * rows]


def _contrast(smooth: Image, mask: Mask, outline: Mask) -> float:
    away_px = cv2.distanceTransform((~outline).astype(np.uint8), cv2.DIST_L2, 5)
    nearest, farthest = (each / WORKING_SPACING_MM for each in RING_MM)
    ring = mask & (away_px > nearest) & (away_px <= farthest)
    if not ring.any():
        return 0.0
    return float(smooth[outline].mean() - smooth[ring].mean())
