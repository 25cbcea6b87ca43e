"""The same breast imaged again: position, compression, superposition, texture and exposure."""

from dataclasses import dataclass

import numpy as np

from benchmarks.simulator.baseline import BaselineFilm
from benchmarks.simulator.grid import (
    SPACING_MM,
    Image,
    Mask,
    blur,
    blur_inside,
    eroded,
    pixel_grid,
    random_field,
    warp,
    warp_mask,
)
from benchmarks.simulator.lesion import Mass, draw
from benchmarks.simulator.severity import Severity

LAYER_MM = 8.0
"""Structures finer than this slide with their layer; the coarse density stays."""
LAYER_LENGTH_MM = 14.0
DENSITY_LENGTH_MM = 25.0
BAND_EDGES_MM = (0.0, 3.0, 10.0)
MOST_AMPLIFIED = 2.5
EXCHANGE_MARGIN_MM = 6.0
CHEST_WALL_LOST_MM = 5.0
"""Up to so much more of the chest-wall side is missing on the second film."""
CHEST_WALL_COLUMNS = 30


@dataclass(frozen=True, eq=False)
class FollowUpFilm:
    """A second film of the same breast.

    Attributes
    ----------
    image, mask
        As in ``BaselineFilm``.
    displacement : (rows, cols, 2) float32 ndarray
        Add to (column, row) of this film to get the place on the baseline film, px.
    """

    image: Image
    mask: Mask
    displacement: Image


def reimage(
    film: BaselineFilm,
    *,
    other: BaselineFilm,
    mass: Mass,
    severity: Severity,
    rng: np.random.Generator,
) -> FollowUpFilm:
    """Image the breast again, with a mass drawn into it; ``other`` lends foreign texture."""
    displacement = _displacement(film.mask, severity, rng)
    tissue = _slid_layers(film, displacement, severity, rng)
    mask = warp_mask(film.mask, displacement)
    tissue = _exchanged(
        tissue, mask, other=other, displacement=displacement, severity=severity, rng=rng
    )
    tissue = draw(tissue, warp(mass.profile(film.image.shape), displacement), mass.contrast)
    seen = warp(np.ones_like(film.image), displacement) > 0.99
    lost = _lost_columns(seen, rng)
    mask &= seen
    image = _exposed(tissue, severity, rng) * mask
    displacement = displacement + np.array([lost, 0], np.float32)
    return FollowUpFilm(image[:, lost:], mask[:, lost:], displacement[:, lost:])


def _displacement(mask: Mask, severity: Severity, rng: np.random.Generator) -> Image:
    """Re-positioning about the chest wall, where the breast is held."""
    centre = np.array([0, np.nonzero(mask)[0].mean()], np.float32)
    angle = np.deg2rad(_around_zero(severity.rotation_deg, rng))
    scale, stretch = 1 + _around_zero(severity.scale, rng), _around_zero(severity.stretch, rng)
    linear = scale * np.array(
        [
            [np.cos(angle) * (1 + stretch), -np.sin(angle)],
            [np.sin(angle), np.cos(angle) * (1 - stretch)],
        ],
        np.float32,
    )
    shift_mm = np.array([0.5, 1.0]) * [_around_zero(severity.shift_mm, rng) for _ in range(2)]
    elastic = [random_field(mask.shape, severity.elastic_length_mm, rng) for _ in range(2)]
    from_centre = pixel_grid(mask.shape) - centre
    moved_mm = shift_mm + severity.elastic_mm * np.stack(elastic, axis=-1)
    moved = from_centre @ linear.T - from_centre + moved_mm / SPACING_MM
    return np.asarray(moved, np.float32)


def _slid_layers(
    film: BaselineFilm, displacement: Image, severity: Severity, rng: np.random.Generator
) -> Image:
    weight = film.mask.astype(np.float32)
    coarse = np.where(film.mask, blur_inside(film.denoised, weight, LAYER_MM), 0)
    coarse = coarse.astype(np.float32)
    texture = film.denoised - coarse
    front = 1 / (1 + np.exp(-2 * random_field(texture.shape, LAYER_LENGTH_MM, rng)))
    slide = np.array([_around_zero(severity.slide_mm, rng) for _ in range(2)]) / SPACING_MM
    drift = random_field(texture.shape, DENSITY_LENGTH_MM, rng)
    density = 1 + severity.density * (rng.uniform(-1, 1) + 0.6 * drift)
    slide = slide.astype(np.float32)
    return (
        warp((coarse * density).astype(np.float32), displacement)
        + warp((texture * front).astype(np.float32), displacement + slide)
        + warp((texture * (1 - front)).astype(np.float32), displacement - slide)
    )


def _exchanged(
    tissue: Image,
    mask: Mask,
    *,
    other: BaselineFilm,
    displacement: Image,
    severity: Severity,
    rng: np.random.Generator,
) -> Image:
    """Replace part of the fine texture by another woman's of the same energy."""
    foreign, foreign_weight = _fitted(other.image, tissue.shape), _inner_weight(other, tissue.shape)
    taper = foreign_weight * blur(foreign_weight, EXCHANGE_MARGIN_MM * SPACING_MM) ** 2
    moved = int(rng.integers(-40, 40)), int(rng.integers(0, 30))
    weight = mask.astype(np.float32)
    inner = blur(eroded(mask, 4 * SPACING_MM).astype(np.float32), 2 * SPACING_MM)
    result = tissue
    shares = severity.fine_exchange, severity.middle_exchange
    for low, high, share in zip(BAND_EDGES_MM, BAND_EDGES_MM[1:], shares, strict=False):
        lent = np.roll(_band(foreign, foreign_weight, low, high) * taper, moved, axis=(0, 1))
        lent = warp(lent, displacement)
        present = np.abs(lent) > 1e-6
        own = _band(result, weight, low, high) * weight
        if not present.any() or not (inner > 0.9).any():
            continue
        gain = np.clip(own[inner > 0.9].std() / max(lent[present].std(), 1e-4), 0, MOST_AMPLIFIED)
        kept = np.sqrt(1 - share**2) - 1
        result = result + inner * present * (kept * own + share * gain * lent)
    return result.astype(np.float32)


def _band(image: Image, weight: Image, low_mm: float, high_mm: float) -> Image:
    fine = blur_inside(image, weight, low_mm) if low_mm else image
    return fine - blur_inside(image, weight, high_mm)


def _inner_weight(other: BaselineFilm, shape: tuple[int, ...]) -> Image:
    roi = _fitted(other.roi.astype(np.float32), shape) > 0.5
    return eroded(roi, EXCHANGE_MARGIN_MM).astype(np.float32)


def _fitted(image: Image, shape: tuple[int, ...]) -> Image:
    """Cut or pad below and at the right."""
    fitted = np.zeros(shape, np.float32)
    cut = image[: shape[0], : shape[1]]
    fitted[: cut.shape[0], : cut.shape[1]] = cut
    return fitted


def _lost_columns(seen: Mask, rng: np.random.Generator) -> int:
    """Columns at the chest wall that would show tissue the baseline film never saw, and more."""
    unseen = np.flatnonzero((~seen[:, :CHEST_WALL_COLUMNS]).mean(axis=0) > 0.03)
    beyond = int(unseen[-1]) + 1 if unseen.size else 0
    return beyond + int(rng.integers(0, 1 + int(CHEST_WALL_LOST_MM / SPACING_MM)))


def _exposed(tissue: Image, severity: Severity, rng: np.random.Generator) -> Image:
    gain, gamma = (1 + _around_zero(each, rng) for each in (severity.gain, severity.gamma))
    exposed = np.clip(gain * np.clip(tissue, 0, 1) ** gamma, 0, 1).astype(np.float32)
    exposed = blur(exposed, SPACING_MM * (0.3 + 0.5 * rng.random()))
    noise = severity.noise * (0.5 + 0.5 * np.sqrt(np.clip(exposed, 0, 1)))
    noisy = exposed + noise * rng.standard_normal(exposed.shape, np.float32)
    return np.clip(noisy, 0, 1).astype(np.float32)


def _around_zero(half_width: float, rng: np.random.Generator) -> float:
    return float(rng.uniform(-half_width, half_width))
