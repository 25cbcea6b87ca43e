"""Registration of a prior to a current mammogram: affine, then a smooth deformation.

The deformation cannot swallow a change: it is smoothed over 20 mm, so it can follow how the
breast was positioned and compressed but not how a lesion grew.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.alignment import Affine, Features, align
from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.masked import correlation, local_contrast

FRAME_MULTIPLE_PX = 8
"""Frames are padded so that they halve three times without remainder."""
FLOW_FACTOR = 2
AFFINE_FACTOR = 4
"""The deformation is estimated at 0.8 mm, the affine part at 1.6 mm."""
CONTRAST_MM = 12.0
REACH_MM = 45.0
SKIN_MM = 25.0
SKIN_WEIGHT = 0.5
FIELD_SMOOTHING_MM = 20.0
FLOW_ROUNDS = 3
LARGEST_FLOW_PX = 12.0
FLOW_GRAY = 40.0
"""Gray levels of the 8-bit flow input per unit of local contrast."""

LOWEST_AFFINE_CORRELATION = 0.65
LOWEST_CORRELATION = 0.37
"""On INbreast, two films of one woman reach 0.76 to 0.95 and 0.43 to 0.75 (25 pairs), of two women
0.17 to 0.79 and 0.16 to 0.54 (130 pairs): a correlation cannot prove that two films show one
woman, it refuses the clear cases."""
LOWEST_DICE = 0.85
LOWEST_OVERLAP = 0.60


@dataclass(frozen=True)
class RegistrationQuality:
    """Whether the prior lies on the current picture, and the figures behind it.

    Attributes
    ----------
    passed : bool
    reason : str or None
        The first gate that failed: ``poor_correlation``, ``poor_outline``, ``poor_overlap``,
        ``folded``; or why registration was not tried.
    affine_correlation, correlation : float
        Masked correlation of local structure after the affine and the deformable step, [-1, 1].
    dice : float
        Agreement of the two breast outlines, [0, 1].
    overlap : float
        Share of the current breast that the prior covers, [0, 1].
    folded_share : float
        Share of pixels where the field turns tissue inside out.
    log_jacobian_sd : float
        Spread of the local change of area (logarithm).
    """

    passed: bool
    reason: str | None
    affine_correlation: float = 0.0
    correlation: float = 0.0
    dice: float = 0.0
    overlap: float = 0.0
    folded_share: float = 0.0
    log_jacobian_sd: float = 0.0

    def as_dict(self) -> dict[str, bool | float | str | None]:
        """Return the figures as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Registration:
    """Where each current pixel lies in the prior.

    Attributes
    ----------
    displacement : (rows, cols, 2) float32 ndarray
        Add to (column, row) of the current picture to get the place in the prior, px.
    quality : RegistrationQuality
    """

    displacement: NDArray[np.float32]
    quality: RegistrationQuality

    def warp(self, prior: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample a picture of the prior onto the current one; 0 outside of it."""
        return _resampled(prior, self.displacement, cv2.BORDER_CONSTANT)

    def warp_mask(self, prior_mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Resample a mask of the prior onto the current picture."""
        return self.warp(prior_mask.astype(np.float32)) > 0.5


def register(
    *,
    prior: NDArray[np.float32],
    prior_mask: NDArray[np.bool_],
    current: NDArray[np.float32],
    current_mask: NDArray[np.bool_],
) -> Registration:
    """Register the prior (moving) to the current picture (fixed).

    Parameters
    ----------
    prior, current : (rows, cols) float32 ndarray
        Both on the 0.4 mm working grid, of one shape whose sides are multiples of 8, chest wall
        at the left, intensities in [0, 1].
    prior_mask, current_mask : (rows, cols) bool ndarray
        The breasts; not empty.

    Returns
    -------
    Registration
        Also when it failed: see ``quality.passed``.

    References
    ----------
    Kroeger et al. (2016), "Fast optical flow using dense inverse search",
    doi:10.1007/978-3-319-46493-0_29.
    """
    spacing_mm = WORKING_SPACING_MM * FLOW_FACTOR
    fixed = _structure(current, current_mask, spacing_mm)
    moving = _structure(prior, prior_mask, spacing_mm)
    transform, affine_score = align(
        _affine_features(fixed),
        _affine_features(moving),
        reach_px=round(REACH_MM / (WORKING_SPACING_MM * AFFINE_FACTOR)),
    )
    field = _affine_field(_finer(transform, AFFINE_FACTOR // FLOW_FACTOR), fixed.mask.shape)
    for _ in range(FLOW_ROUNDS):
        field = _improved(field, fixed, moving, spacing_mm)
    quality = _measure(field, fixed, moving, affine_score)
    rows, cols = current.shape
    return Registration(cv2.resize(field, (cols, rows)) * np.float32(FLOW_FACTOR), quality)


class _Structure(NamedTuple):
    """What is compared, on the grid of the flow."""

    contrast: NDArray[np.float32]
    skin: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def picture(self, *, skin_weight: float) -> NDArray[np.float32]:
        return self.contrast + np.float32(skin_weight) * self.skin


def _structure(
    image: NDArray[np.float32], mask: NDArray[np.bool_], spacing_mm: float
) -> _Structure:
    small, small_mask = _halved(image, FLOW_FACTOR), _halved_mask(mask, FLOW_FACTOR)
    contrast = local_contrast(small, small_mask, sigma_px=CONTRAST_MM / spacing_mm)
    return _Structure(contrast, _skin_depth(small_mask, spacing_mm), small_mask)


def _skin_depth(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    """Depth below the skin, -1 at the skin and outside, +1 from 25 mm on.

    The chest wall and the edge of the film are not skin: the mask is continued across them.
    """
    continued = np.pad(mask, 1, mode="edge").astype(np.uint8)
    depth_mm = cv2.distanceTransform(continued, cv2.DIST_L2, 5)[1:-1, 1:-1] * spacing_mm
    return np.asarray(np.minimum(depth_mm, SKIN_MM) / SKIN_MM * 2 - 1, np.float32)


def _affine_features(structure: _Structure) -> Features:
    factor = AFFINE_FACTOR // FLOW_FACTOR
    picture = _halved(structure.picture(skin_weight=SKIN_WEIGHT), factor)
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0)
    return Features(np.asarray(smooth, np.float32), _halved_mask(structure.mask, factor))


def _improved(
    field: NDArray[np.float32], fixed: _Structure, moving: _Structure, spacing_mm: float
) -> NDArray[np.float32]:
    """Estimate what is left by optical flow, smooth it and compose it with the field."""
    picture = _resampled(
        moving.picture(skin_weight=SKIN_WEIGHT), field, cv2.BORDER_CONSTANT, -SKIN_WEIGHT
    )
    common = fixed.mask & (
        _resampled(moving.mask.astype(np.float32), field, cv2.BORDER_CONSTANT) > 0.5
    )
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    fixed_gray = _as_gray(fixed.picture(skin_weight=SKIN_WEIGHT), common)
    left = flow.calc(fixed_gray, _as_gray(picture, common), np.zeros_like(field))
    weight = common.astype(np.float32)[..., None]
    sigma = FIELD_SMOOTHING_MM / spacing_mm
    smooth = np.asarray(
        cv2.GaussianBlur(np.clip(left, -LARGEST_FLOW_PX, LARGEST_FLOW_PX) * weight, (0, 0), sigma),
        np.float32,
    )
    smooth /= (cv2.GaussianBlur(weight, (0, 0), sigma) + np.float32(0.02))[..., None]
    return _resampled(field, smooth, cv2.BORDER_REPLICATE) + smooth


def _as_gray(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    gray = np.where(mask, picture, 0) * FLOW_GRAY + 128
    return np.clip(gray, 0, 255).astype(np.uint8)


def _measure(
    field: NDArray[np.float32],
    fixed: _Structure,
    moving: _Structure,
    affine_correlation: float,
) -> RegistrationQuality:
    mask = _resampled(moving.mask.astype(np.float32), field, cv2.BORDER_CONSTANT) > 0.5
    common = fixed.mask & mask
    contrast = _resampled(moving.contrast, field, cv2.BORDER_CONSTANT)
    similarity = correlation(fixed.contrast, contrast, common)
    dice = float(2 * common.sum() / (fixed.mask.sum() + mask.sum()))
    overlap = float(common.sum() / fixed.mask.sum())
    area = _jacobian(field)[common] if common.any() else np.zeros(1, np.float32)
    folded = float((area <= 0).mean())
    gates = {
        "poor_correlation": affine_correlation < LOWEST_AFFINE_CORRELATION
        or similarity < LOWEST_CORRELATION,
        "poor_outline": dice < LOWEST_DICE,
        "poor_overlap": overlap < LOWEST_OVERLAP,
        "folded": folded > 0,
    }
    reason = next((code for code, failed in gates.items() if failed), None)
    return RegistrationQuality(
        passed=reason is None,
        reason=reason,
        affine_correlation=float(affine_correlation),
        correlation=similarity,
        dice=dice,
        overlap=overlap,
        folded_share=folded,
        log_jacobian_sd=float(np.log(np.clip(area, 0.05, 20)).std()),
    )


def _jacobian(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Local change of area of x -> x + field(x)."""
    (across_row, across_col) = np.gradient(field[..., 0])
    (down_row, down_col) = np.gradient(field[..., 1])
    return np.asarray((1 + across_col) * (1 + down_row) - across_row * down_col, np.float32)


def _affine_field(transform: Affine, shape: tuple[int, int]) -> NDArray[np.float32]:
    grid = _pixel_grid(shape)
    return np.asarray(grid @ transform[:, :2].T + transform[:, 2] - grid, np.float32)


def _finer(transform: Affine, factor: int) -> Affine:
    """Carry a transform to a grid whose pixels are smaller by a whole factor."""
    centre = np.full(2, (factor - 1) / 2)
    linear = transform[:, :2]
    offset = transform[:, 2] * factor + centre - linear @ centre
    return np.column_stack([linear, offset]).astype(np.float32)


def _resampled(
    image: NDArray[np.float32],
    displacement: NDArray[np.float32],
    border: int,
    outside: float = 0.0,
) -> NDArray[np.float32]:
    target = _pixel_grid(displacement.shape[:2]) + displacement
    sampled = cv2.remap(
        image,
        target[..., 0],
        target[..., 1],
        cv2.INTER_LINEAR,
        borderMode=border,
        borderValue=[outside] * 4,
    )
    return np.asarray(sampled, np.float32)


def _pixel_grid(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the (column, row) of every pixel."""
    rows, cols = np.indices(shape, dtype=np.float32)
    return np.stack([cols, rows], axis=-1)


def _halved(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    size = image.shape[1] // factor, image.shape[0] // factor
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _halved_mask(mask: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    return _halved(mask.astype(np.float32), factor) > 0.5
