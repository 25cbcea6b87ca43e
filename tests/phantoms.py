"""Synthetic mammograms from a seed: breast, tissue, pectoral muscle, lesion and film label.

The same seed is the same woman. A follow-up film is the same seed positioned differently, with
or without a lesion::

    prior = phantom(7)
    current = phantom(7, shift_mm=(2.0, 1.0), rotation_deg=2, lesion=Lesion(diameter_mm=30))
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SPACING_MM = 0.25
ROWS, COLS = 800, 640
HIDDEN_COLS = 96
"""Tissue behind the film's edge, which re-positioning can pull into the picture."""


@dataclass(frozen=True)
class Lesion:
    """A round mass; the place is measured from the chest wall and from the film's middle."""

    diameter_mm: float
    depth_mm: float = 45.0
    below_middle_mm: float = 5.0
    contrast: float = 0.25


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic film: float32 pixels in [0, 1], chest wall at the left for L, right for R."""

    pixels: NDArray[np.float32]
    breast: NDArray[np.bool_]
    lesion: NDArray[np.bool_]
    spacing_mm: float
    laterality: str
    view: str


def phantom(
    seed: int,
    laterality: str = "L",
    view: str = "CC",
    *,
    lesion: Lesion | None = None,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    rotation_deg: float = 0.0,
    label: bool = True,
) -> Phantom:
    """Draw one film; ``shift_mm`` is (down, away from the chest wall)."""
    rng = np.random.default_rng(seed)
    size = ROWS, COLS + HIDDEN_COLS
    across, down = _position_mm(size)
    breast, skin_depth = _breast(across, down, view, rng)
    tissue = 0.28 + 0.32 * _glandular(across, down, rng) + 0.10 * _texture(size, rng)
    if view == "MLO":
        tissue += 0.25 * _soft_step(1 - (across / 45 + (down + 100) / 130), 0.04)
    mass = np.zeros(size, np.float32)
    if lesion is not None:
        radius = np.hypot(across - lesion.depth_mm, down - lesion.below_middle_mm)
        mass = _soft_step(lesion.diameter_mm / 2 - radius, 0.6)
        tissue += lesion.contrast * mass
    film = np.clip(tissue, 0.05, 0.98) * np.sqrt(np.clip(skin_depth / 12, 0, 1)) * breast
    film, breast, mass = (
        _repositioned(each.astype(np.float32), shift_mm, rotation_deg)
        for each in (film, breast, mass)
    )
    film += 0.004 * rng.standard_normal(film.shape).astype(np.float32) + np.float32(0.012)
    if label:
        film[40:110, COLS - 130 : COLS - 30] = _film_label(view)
    layers = [np.clip(film, 0, 1), breast > 0.5, mass > 0.5]
    if laterality == "R":
        layers = [np.ascontiguousarray(layer[:, ::-1]) for layer in layers]
    return Phantom(*layers, spacing_mm=SPACING_MM, laterality=laterality, view=view)


def _position_mm(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, cols = np.indices(size, np.float32)
    return (cols - HIDDEN_COLS) * SPACING_MM, (rows - ROWS / 2) * SPACING_MM


def _breast(
    across: NDArray[np.float32], down: NDArray[np.float32], view: str, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return the outline, a half ellipse with a nipple, and the depth below the skin in mm."""
    depth_mm, half_mm = rng.uniform(85, 105), rng.uniform(62, 78)
    middle = 15.0 if view == "MLO" else 0.0
    outline = (np.maximum(across, 0) / depth_mm) ** 2 + ((down - middle) / half_mm) ** 2 < 1
    if view == "MLO":
        outline |= (down < middle) & (across < 60 + 0.25 * down)
    outline |= np.hypot(across - depth_mm, down - middle) < 5
    distance = cv2.distanceTransform(np.pad(outline, 1, mode="edge").astype(np.uint8), 2, 5)
    return outline, distance[1:-1, 1:-1] * SPACING_MM


def _glandular(
    across: NDArray[np.float32], down: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a dense cone behind the nipple with a ragged border, in [0, 1]."""
    ragged = 14 * _normal(across.shape, 24, rng)
    radius = np.hypot((across - rng.uniform(45, 60)) / 1.2, down - rng.uniform(-8, 8))
    return _soft_step(32 - radius + ragged, 5.0)


def _texture(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return noise of all scales, coarse scales stronger, as in breast tissue."""
    return sum(
        weight * _normal(size, sigma, rng) for sigma, weight in ((2, 0.3), (6, 0.5), (16, 0.8))
    )


def _normal(size: tuple[int, ...], sigma: float, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = cv2.GaussianBlur(rng.standard_normal(size).astype(np.float32), (0, 0), sigma)
    return noise / noise.std()


def _soft_step(distance: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-np.clip(distance / width, -30, 30)))).astype(np.float32)


def _film_label(view: str) -> NDArray[np.float32]:
    tag = np.full((70, 100), 242, np.uint8)
    cv2.putText(tag, view, (8, 48), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 25, 3)
    return tag.astype(np.float32) / 255


def _repositioned(
    layer: NDArray[np.float32], shift_mm: tuple[float, float], rotation_deg: float
) -> NDArray[np.float32]:
    centre = HIDDEN_COLS + COLS / 2, ROWS / 2
    move = cv2.getRotationMatrix2D(centre, rotation_deg, 1.0)
    move[:, 2] += np.array(shift_mm[::-1]) / SPACING_MM
    moved = cv2.warpAffine(
        layer, move, layer.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved[:, HIDDEN_COLS:].copy()
