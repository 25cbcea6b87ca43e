"""A simulated follow-up of a real mammogram, for demonstration only. Always labelled simulated.

The breast is hung anew (rotation, shift, smooth stretch) and exposed anew (gain, gamma, noise);
on request a soft mass appears. Nothing here is used to train or to measure anything.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.demo.mass import NewMass
from analysis.imaging.decode import load_pixels

REDUCTION = 2  # film scans are large; half of it is still finer than the analysis reads


def write_followup(source: Path, target: Path, *, seed: int, mass: NewMass | None) -> None:
    """Read stored pixels, simulate, and write a 16-bit PNG."""
    pixels = load_pixels(source)
    size = (pixels.shape[1] // REDUCTION, pixels.shape[0] // REDUCTION)
    smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    later = simulate_followup(smaller.astype(np.float32), seed=seed, mass=mass)
    cv2.imwrite(str(target), np.round(later * 65535).astype(np.uint16))


def simulate_followup(
    pixels: NDArray[np.float32], *, seed: int, mass: NewMass | None = None
) -> NDArray[np.float32]:
    """The same breast on another day.

    Parameters
    ----------
    pixels : (rows, cols) float32 ndarray in [0, 1]
        The earlier mammogram. Not modified.
    seed : int
        The same seed gives the same picture.

    Returns
    -------
    (rows, cols) float32 ndarray in [0, 1]
    """
    rng = np.random.default_rng(seed)
    later = _add_mass(pixels, mass) if mass else pixels
    return _expose_anew(_hang_anew(later, rng), rng)


def _add_mass(pixels: NDArray[np.float32], mass: NewMass) -> NDArray[np.float32]:
    rows, cols = pixels.shape
    y, x = np.ogrid[:rows, :cols]
    distance = np.hypot(y - mass.row * rows, x - mass.column * cols) / (mass.radius * rows)
    profile = 1 / (1 + np.exp((distance - 1) * 8))
    return np.clip(pixels + mass.brightness * profile, 0, 1).astype(np.float32)


def _hang_anew(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    rows, cols = pixels.shape
    turn = cv2.getRotationMatrix2D((cols / 2, rows / 2), rng.uniform(-2.5, 2.5), 1)
    turn[:, 2] += rng.uniform(-0.015, 0.015, 2) * rows
    y, x = np.mgrid[:rows, :cols].astype(np.float32)
    field_x, field_y = (_smooth_field(pixels.shape, 0.006 * rows, rng) for _ in range(2))
    map_x = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] + field_x
    map_y = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] + field_y
    hung = cv2.remap(
        pixels,
        map_x.astype(np.float32),
        map_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return hung.astype(np.float32, copy=False)


def _smooth_field(
    shape: tuple[int, int], amplitude_px: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    coarse = rng.standard_normal((6, 5)).astype(np.float32)
    return amplitude_px * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _expose_anew(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    exposed = rng.uniform(0.94, 1.04) * pixels ** rng.uniform(0.92, 1.08)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(0.006)
    return np.clip(exposed + noise, 0, 1).astype(np.float32)
