"""A mammogram made ready to be measured: breast found, chest wall at the left, known scale.

Training, serving and comparison all start from ``prepare_breast``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.errors import ImagingError
from analysis.imaging.pectoral import pectoral_muscle
from analysis.imaging.quality import failed_gates
from analysis.imaging.segmentation import (
    Side,
    bounding_box,
    chest_wall_side,
    resize,
    segment_breast,
    shrink_to_grid,
)
from analysis.imaging.versions import PREPARATION_VERSION

__all__ = ["PREPARATION_VERSION", "PreparedBreast", "prepare_breast"]

WORKING_SPACING_MM = 0.4
UNKNOWN_SPACING_HEIGHT_PX = 450
"""Height of the breast on the working grid when the spacing of the source is unknown."""
PLAUSIBLE_HEIGHT_MM = (30.0, 400.0)
SMALLEST_SIDE_PX = 64
LARGEST_PIXELS = 40_000_000

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class PreparedBreast:
    """One picture of one breast on the working grid.

    Attributes
    ----------
    source : (rows, cols) float32 ndarray
        The picture as it came, in [0, 1].
    image : (rows, cols) float32 ndarray
        Working grid: the breast's bounding box, chest wall at the left in column 0, background
        0 (labels and tape are gone).
    mask : (rows, cols) bool ndarray
        Where ``image`` shows the breast.
    roi : (rows, cols) bool ndarray
        ``mask`` without the pectoral muscle.
    grid_mask : (rows, cols) bool ndarray
        The breast on the segmentation grid of ``source``, hung as it came; maybe empty.
    spacing_mm : float or None
        Millimetres per pixel of the working grid; None when the source's is unknown: then the
        breast is 450 px high.
    chest_wall : {'left', 'right'}
        Where the chest wall lies in ``source``.
    laterality, view : str or None
        As the caller stated them.
    reasons : tuple of str
        Codes of the quality gates that failed (see ``quality.failed_gates``), and
        ``implausible_scale`` when the stated spacing makes the breast impossibly small or large.
    """

    source: NDArray[np.float32]
    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    roi: NDArray[np.bool_]
    grid_mask: NDArray[np.bool_]
    spacing_mm: float | None
    chest_wall: Side
    laterality: str | None
    view: str | None
    reasons: tuple[str, ...]

    @property
    def assessable(self) -> bool:
        """True when no quality gate failed."""
        return not self.reasons

    @property
    def side_conflict(self) -> bool:
        """True when the picture is not hung as its laterality says; some vendors mirror it."""
        return self.laterality is not None and (self.laterality == "L") != (
            self.chest_wall == "left"
        )

    @cached_property
    def crop(self) -> NDArray[np.float32]:
        """The breast's bounding box at source resolution, oriented like ``image``, background 0."""
        if not self.grid_mask.any():
            return np.zeros((1, 1), np.float32)
        crop = self.source[self.box]
        mask = _fit(_boxed(self.grid_mask), crop.shape)
        return _oriented(np.where(mask, crop, np.float32(0)), self.chest_wall)

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of ``source`` that ``image`` and ``crop`` show; a breast was found."""
        return _source_box(self.source, self.grid_mask)


def prepare_breast(
    pixels: NDArray[np.float32],
    *,
    spacing_mm: float | None,
    laterality: str | None,
    view: str | None,
) -> PreparedBreast:
    """Find the breast, turn its chest wall to the left and bring it to the working grid.

    Parameters
    ----------
    pixels : (rows, cols) float32 ndarray
        Intensities in [0, 1], bright tissue. Not modified; kept as ``source``.
    spacing_mm : float or None
        Millimetres per pixel (DICOM Pixel Spacing or Imager Pixel Spacing), if known.
    laterality : {'L', 'R'} or None
        Decides the orientation only where the picture leaves it open.
    view : str or None
        The pectoral muscle is looked for on 'MLO'.

    Returns
    -------
    PreparedBreast
        Always, however ugly the picture: what is wrong is in ``reasons``.

    Raises
    ------
    ImagingError
        ``not_an_image``, ``too_small``, ``too_large``, ``not_finite``, ``out_of_range`` for
        wrong arrays; ``bad_spacing`` and ``bad_laterality`` for impossible arguments.
    """
    _check(pixels, spacing_mm=spacing_mm, laterality=laterality)
    grid = shrink_to_grid(pixels)
    grid_mask = segment_breast(grid)
    found = bool(grid_mask.any())
    chest_wall: Side = chest_wall_side(grid_mask, laterality) if found else "left"
    reasons = failed_gates(_oriented(grid, chest_wall), _oriented(grid_mask, chest_wall))
    image, mask, working_mm = grid, grid_mask, None
    if found:
        crop = pixels[_source_box(pixels, grid_mask)]
        scale, working_mm = _working_scale(crop.shape[0], spacing_mm)
        if spacing_mm is not None and working_mm is None:
            reasons += ("implausible_scale",)
        image = _oriented(resize(crop, scale), chest_wall)
        mask = _oriented(_fit(_boxed(grid_mask), image.shape), chest_wall)
    image = np.where(mask, image, np.float32(0))
    roi = mask & ~pectoral_muscle(image, mask) if view == "MLO" and found else mask
    return PreparedBreast(
        source=pixels,
        image=image,
        mask=mask,
        roi=roi,
        grid_mask=grid_mask,
        spacing_mm=working_mm,
        chest_wall=chest_wall,
        laterality=laterality,
        view=view,
        reasons=reasons,
    )


def _check(
    pixels: NDArray[np.float32], *, spacing_mm: float | None, laterality: str | None
) -> None:
    if pixels.ndim != 2 or pixels.dtype != np.float32:
        raise ImagingError(
            "not_an_image",
            f"Expected (rows, cols) of float32; {pixels.shape} of {pixels.dtype} arrived.",
        )
    if min(pixels.shape) < SMALLEST_SIDE_PX:
        raise ImagingError(
            "too_small", f"Expected {SMALLEST_SIDE_PX} px a side or more; {pixels.shape} arrived."
        )
    if pixels.size > LARGEST_PIXELS:
        raise ImagingError(
            "too_large", f"Expected {LARGEST_PIXELS} pixels or fewer; {pixels.size} arrived."
        )
    lowest, highest = float(pixels.min()), float(pixels.max())
    if not np.isfinite([lowest, highest]).all():
        raise ImagingError("not_finite", "Expected finite intensities; NaN or infinity arrived.")
    if lowest < 0 or highest > 1:
        raise ImagingError(
            "out_of_range", f"Expected intensities in [0, 1]; {lowest:g} to {highest:g} arrived."
        )
    if spacing_mm is not None and not (np.isfinite(spacing_mm) and spacing_mm > 0):
        raise ImagingError("bad_spacing", f"Expected mm per pixel above 0; {spacing_mm} arrived.")
    if laterality not in ("L", "R", None):
        raise ImagingError("bad_laterality", f"Expected L, R or None; {laterality!r} arrived.")


def _oriented(array: NDArray[_T], chest_wall: Side) -> NDArray[_T]:
    return array if chest_wall == "left" else np.ascontiguousarray(array[:, ::-1])


def _working_scale(height_px: int, spacing_mm: float | None) -> tuple[float, float | None]:
    """Return source pixels -> working pixels, and the spacing reached (None when unknown)."""
    smallest, largest = PLAUSIBLE_HEIGHT_MM
    if spacing_mm is None or not smallest <= height_px * spacing_mm <= largest:
        return UNKNOWN_SPACING_HEIGHT_PX / height_px, None
    return spacing_mm / WORKING_SPACING_MM, WORKING_SPACING_MM


def _source_box(pixels: NDArray[np.float32], grid_mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the breast's bounding box in source pixels."""
    down, across = (pixels.shape[axis] / grid_mask.shape[axis] for axis in (0, 1))
    top, bottom, left, right = bounding_box(grid_mask)
    return (
        slice(round(top * down), round(bottom * down)),
        slice(round(left * across), round(right * across)),
    )


def _boxed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    top, bottom, left, right = bounding_box(mask)
    return mask[top:bottom, left:right]


def _fit(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Resample a mask to another shape."""
    covered = cv2.resize(
        mask.astype(np.uint8) * np.uint8(255), shape[1::-1], interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(covered > 127)
