"""A mass: an irregular outline with spicules whose shape depends on its seed, not on its size."""

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.simulator.grid import SPACING_MM, Image, Mask

EDGE_MM = 0.8
"""Length over which the density falls at the outline (logistic)."""
LOBES = range(2, 8)
PROJECTION_LOBES = range(1, 5)
MAX_SPICULES = 8
SMALLEST_SPICULATED_MM = 4.0


@dataclass(frozen=True)
class Mass:
    """One mass.

    Attributes
    ----------
    x, y : float
        Centre on the grid of the baseline film, px.
    shape_seed : int
        The same seed is the same mass at any size.
    diameter_mm : float
        Nominal; 0 for none.
    contrast : float
        Added intensity, before the loss in bright tissue.
    projection_seed : int or None
        Given for a second film: the outline as seen after another compression.
    """

    x: float
    y: float
    shape_seed: int
    diameter_mm: float
    contrast: float
    projection_seed: int | None = None

    def profile(self, shape: tuple[int, ...]) -> Image:
        """Draw the mass, 1 inside and 0 far outside."""
        if self.diameter_mm == 0:
            return np.zeros(shape, np.float32)
        rng = np.random.default_rng(self.shape_seed)
        rows, cols = np.indices(shape, np.float32)
        across, down = (cols - self.x) * SPACING_MM, (rows - self.y) * SPACING_MM
        flattening, turn = 1 + 0.25 * rng.random(), np.pi * rng.random()
        along = across * np.cos(turn) + down * np.sin(turn)
        aside = (down * np.cos(turn) - across * np.sin(turn)) * flattening
        angle = np.arctan2(aside, along)
        outline = 1 + _lobes(angle, LOBES, [0.22 / k for k in LOBES], rng)
        if self.projection_seed is not None:
            projection = np.random.default_rng(self.projection_seed)
            outline += _lobes(angle, PROJECTION_LOBES, [0.05] * 4, projection)
        radius = self.diameter_mm / 2 * np.clip(outline, 0.5, 1.6)
        body = 1 / (1 + np.exp(np.clip((np.hypot(along, aside) - radius) / EDGE_MM, -40, 40)))
        if self.diameter_mm > SMALLEST_SPICULATED_MM:
            body = np.maximum(body, _spicules(across, down, self.diameter_mm / 2, rng))
        return body.astype(np.float32)


def draw(image: Image, profile: Image, contrast: float) -> Image:
    """Add a mass; bright tissue leaves less room for it."""
    return np.clip(image + contrast * profile * (1.05 - 0.55 * image), 0, 1).astype(np.float32)


def longest_diameter_mm(outline: Mask) -> float:
    """Largest distance between two points of the outline, pixel edges included; 0 when empty."""
    contours, _ = cv2.findContours(
        outline.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return 0.0
    hull = cv2.convexHull(np.vstack(contours))[:, 0].astype(np.float64)
    apart = np.linalg.norm(hull[:, None] - hull[None], axis=-1)
    return float(apart.max() + 1) * SPACING_MM


def _lobes(angle: Image, orders: range, sizes: list[float], rng: np.random.Generator) -> Image:
    return sum(
        size * rng.standard_normal() * np.cos(order * angle + 2 * np.pi * rng.random())
        for order, size in zip(orders, sizes, strict=True)
    )


def _spicules(across: Image, down: Image, radius_mm: float, rng: np.random.Generator) -> Image:
    drawn = np.zeros_like(across)
    for _ in range(rng.integers(0, MAX_SPICULES + 1)):
        direction, length = 2 * np.pi * rng.random(), radius_mm * (1.3 + 0.7 * rng.random())
        along = across * np.cos(direction) + down * np.sin(direction)
        aside = down * np.cos(direction) - across * np.sin(direction)
        fading = np.clip(1 - (along / length) ** 2, 0, 1) * (along > 0)
        drawn = np.maximum(drawn, 0.45 * np.exp(-((aside / 0.5) ** 2)) * fading)
    return drawn
