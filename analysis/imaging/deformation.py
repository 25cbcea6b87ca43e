"""Refine a registration: the smooth field that explains both pictures best, by Gauss-Newton.

Optical flow that is smoothed afterwards counts every place alike, also where there is nothing to
hold on to or where a lesion came or went. Here the field is a sum of wide Gaussians with a prior
on their weights, and it is fitted to all pixels at once: structure across the motion counts,
structure along it does not, and tissue that is not the same on both films is left out robustly.
"""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.masked import MaskedBlur, local_contrast
from analysis.imaging.registration import Registration

FACTOR = 4
SPACING_MM = WORKING_SPACING_MM * FACTOR
"""Grid on which pictures are compared: 1.6 mm."""
EVERY = 2
"""Every second pixel of that grid enters the equations; the pictures are blurred more than that."""
CONTRAST_MM = 12.0
SKIN_MM = 25.0
WIDTH_MM = 22.0
NODE_MM = 16.0
AMPLITUDE_MM = 3.0
"""Width and spacing of the Gaussians and the standard deviation of the field they make."""
AFFINE_PRIOR_MM = (30.0, 8.0, 8.0)
"""Standard deviations of the shift, and of the linear parts at 50 mm from the middle."""
LINEAR_MM = 50.0
ROBUST_SPREADS = 2.0
"""A residual of so many spreads counts a quarter (Geman and McClure)."""
INFORMATION = {"contrast": 0.15, "skin": 0.015}
"""Share of a blurred patch that is news: a skin line rolls with compression and tells little."""
SMALLEST_SPREAD = {"contrast": 1e-3, "skin": 0.02}
CONVERGED_MM = 0.02

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Places = NDArray[np.floating]


class Pass(NamedTuple):
    """One resolution of the fit."""

    blur_mm: float
    rounds: int


PASSES = (Pass(blur_mm=5.0, rounds=5), Pass(blur_mm=2.5, rounds=6))


def refine(
    start: Registration,
    *,
    prior: Image,
    prior_mask: Mask,
    current: Image,
    current_mask: Mask,
) -> Registration:
    """Improve a registration; arguments as for ``registration.register``.

    Returns
    -------
    Registration
        The quality keeps the figures of the gates; folding and the spread of the Jacobian are of
        the new field. A field that folds is given up: the start is returned.

    References
    ----------
    Baker and Matthews (2004), "Lucas-Kanade 20 years on", doi:10.1023/B:VISI.0000011205.11775.fd.
    """
    fixed, moving = _layers(current, current_mask), _layers(prior, prior_mask)
    start_mm = _shrunk(start.displacement) * np.float32(WORKING_SPACING_MM)
    basis = _basis_over(current.shape)
    weights = np.zeros((basis.size, 2))
    for each in PASSES:
        weights = _fitted(weights, start_mm, basis, fixed=fixed, moving=moving, level=each)
    correction_mm = basis.field(weights, current.shape, WORKING_SPACING_MM)
    displacement = start.displacement + correction_mm / np.float32(WORKING_SPACING_MM)
    area = _area_change(displacement)[current_mask]
    if (area <= 0).any():
        return start
    spread = float(np.log(area).std())
    return Registration(displacement, replace(start.quality, log_jacobian_sd=spread))


class _Layers(NamedTuple):
    """What is compared: pictures by name, and where they are valid."""

    pictures: dict[str, Image]
    mask: Mask


class _Basis(NamedTuple):
    """Gaussians on a lattice, then a shift and the two linear functions."""

    down_mm: NDArray[np.float64]
    across_mm: NDArray[np.float64]
    middle_mm: tuple[float, float]

    @property
    def size(self) -> int:
        return self.down_mm.size * self.across_mm.size + len(AFFINE_PRIOR_MM)

    def precision(self) -> NDArray[np.float64]:
        """Inverse prior variance of each weight."""
        gaussians = np.full(self.size - len(AFFINE_PRIOR_MM), AMPLITUDE_MM)
        return np.concatenate([gaussians, AFFINE_PRIOR_MM]) ** -2.0

    def at(self, down_mm: Places, across_mm: Places) -> Image:
        """Return every function at n places, (n, size)."""
        down, across = _gaussians(down_mm, self.down_mm), _gaussians(across_mm, self.across_mm)
        gaussians = (down[:, :, None] * across[:, None, :]).reshape(down_mm.size, -1)
        return np.column_stack([gaussians, *self._linear(down_mm, across_mm)]).astype(np.float32)

    def field(
        self, weights: NDArray[np.float64], shape: tuple[int, ...], spacing_mm: float
    ) -> Image:
        """Return the weighted sum on a grid, (rows, cols, 2) in mm."""
        down_mm, across_mm = ((np.arange(side) + 0.5) * spacing_mm for side in shape)
        down, across = _gaussians(down_mm, self.down_mm), _gaussians(across_mm, self.across_mm)
        linear = self._linear(down_mm[:, None], across_mm[None, :])
        lattice = weights[: -len(linear)].reshape(self.down_mm.size, self.across_mm.size, 2)
        gaussians = np.stack([down @ lattice[..., axis] @ across.T for axis in (0, 1)], axis=-1)
        for function, weight in zip(linear, weights[-len(linear) :], strict=True):
            gaussians += function[..., None] * weight
        return gaussians.astype(np.float32)

    def _linear(self, down_mm: Places, across_mm: Places) -> tuple[Places, ...]:
        down, across = down_mm - self.middle_mm[0], across_mm - self.middle_mm[1]
        return np.ones_like(down + across), across / LINEAR_MM, down / LINEAR_MM


def _basis_over(shape: tuple[int, ...]) -> _Basis:
    rows_mm, cols_mm = (side * WORKING_SPACING_MM for side in shape)
    down, across = (
        np.arange(-NODE_MM, extent + 2 * NODE_MM, NODE_MM) for extent in (rows_mm, cols_mm)
    )
    return _Basis(down, across, (rows_mm / 2, cols_mm / 2))


def _gaussians(places_mm: Places, nodes_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (places, nodes), scaled so that unit weights make a field of unit variance."""
    bells = np.exp(-0.5 * ((places_mm[:, None] - nodes_mm) / WIDTH_MM) ** 2)
    return np.asarray(bells * np.sqrt(NODE_MM / (WIDTH_MM * np.sqrt(np.pi))))


def _fitted(
    weights: NDArray[np.float64],
    start_mm: Image,
    basis: _Basis,
    *,
    fixed: _Layers,
    moving: _Layers,
    level: Pass,
) -> NDArray[np.float64]:
    """Iterate the normal equations of the linearised difference."""
    fixed, moving = _blurred(fixed, level.blur_mm), _blurred(moving, level.blur_mm)
    news = (EVERY * SPACING_MM / level.blur_mm) ** 2
    precision = np.tile(basis.precision(), 2)
    slopes = {name: _slopes(picture) for name, picture in fixed.pictures.items()}
    lattice = np.zeros(fixed.mask.shape, bool)
    lattice[::EVERY, ::EVERY] = True
    for _ in range(level.rounds):
        displacement = (start_mm + basis.field(weights, fixed.mask.shape, SPACING_MM)) / SPACING_MM
        common = (
            fixed.mask & lattice & (_warped(moving.mask.astype(np.float32), displacement) > 0.99)
        )
        if not common.any():
            break
        rows, cols = np.nonzero(common)
        functions = basis.at((rows + 0.5) * SPACING_MM, (cols + 0.5) * SPACING_MM)
        pull = np.zeros((2, rows.size), np.float32)
        stiffness = np.zeros((2, 2, rows.size), np.float32)
        for name, picture in fixed.pictures.items():
            warped = _warped(moving.pictures[name], displacement)
            slope = (0.5 * (slopes[name] + _slopes(warped)))[common].T
            residual = (picture - warped)[common]
            weighted = slope * (news * _trust(residual, name))
            stiffness += weighted[:, None] * slope
            pull += weighted * residual
        across, mixed, down = (
            functions.T @ (functions * stiffness[axes][:, None])
            for axes in ((0, 0), (0, 1), (1, 1))
        )
        matrix = np.diag(precision) + np.block([[across, mixed], [mixed.T, down]])
        vector = (pull @ functions).ravel() - precision * weights.T.ravel()
        step = np.linalg.solve(matrix, vector).reshape(2, -1).T
        weights = weights + step
        if np.abs(step).max() < CONVERGED_MM:
            break
    return weights


def _trust(residual: Image, name: str) -> Image:
    """Weight of each pixel, less where it does not fit."""
    spread = max(1.4826 * float(np.median(np.abs(residual))), SMALLEST_SPREAD[name])
    outlying = (residual / (ROBUST_SPREADS * spread)) ** 2
    return np.asarray(INFORMATION[name] / spread**2 / (1 + outlying) ** 2, np.float32)


def _layers(image: Image, mask: Mask) -> _Layers:
    small, small_mask = _shrunk(image), _shrunk(mask.astype(np.float32)) > 0.5
    continued = np.pad(small_mask, 1, mode="edge").astype(np.uint8)
    depth_mm = cv2.distanceTransform(continued, cv2.DIST_L2, 5)[1:-1, 1:-1] * SPACING_MM
    contrast = local_contrast(small, small_mask, sigma_px=CONTRAST_MM / SPACING_MM)
    skin = np.minimum(depth_mm, SKIN_MM) / SKIN_MM * 2 - 1
    return _Layers({"contrast": contrast, "skin": np.asarray(skin, np.float32)}, small_mask)


def _blurred(layers: _Layers, blur_mm: float) -> _Layers:
    average = MaskedBlur[np.float32](layers.mask, sigma_px=blur_mm / SPACING_MM)
    return _Layers(
        {name: average(picture) for name, picture in layers.pictures.items()}, layers.mask
    )


def _slopes(picture: Image) -> Image:
    """Change a millimetre across and down, (rows, cols, 2)."""
    down, across = np.gradient(picture, SPACING_MM)
    return np.stack([across, down], axis=-1)


def _warped(image: Image, displacement: Image) -> Image:
    rows, cols = np.indices(displacement.shape[:2], np.float32)
    target = np.stack([cols, rows], axis=-1) + displacement.astype(np.float32)
    return np.asarray(
        cv2.remap(image, target[..., 0], target[..., 1], cv2.INTER_LINEAR), np.float32
    )


def _area_change(displacement: Image) -> Image:
    (across_down, across_across) = np.gradient(displacement[..., 0])
    (down_down, down_across) = np.gradient(displacement[..., 1])
    area = (1 + across_across) * (1 + down_down) - across_down * down_across
    return np.asarray(area, np.float32)


def _shrunk(image: Image) -> Image:
    size = image.shape[1] // FACTOR, image.shape[0] // FACTOR
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
