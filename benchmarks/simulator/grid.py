"""Arrays on the simulator's grid: random fields, warps and smooth masks."""

import cv2
import numpy as np
from numpy.typing import NDArray

SPACING_MM = 0.4

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


def blur(image: Image, sigma_mm: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_mm / SPACING_MM), np.float32)


def blur_inside(image: Image, weight: Image, sigma_mm: float) -> Image:
    """Average where the weight is; meaningless far from it."""
    return blur(image * weight, sigma_mm) / np.maximum(blur(weight, sigma_mm), np.float32(0.05))


def eroded(mask: Mask, distance_mm: float) -> Mask:
    """Take a rim off, along the edge of the picture too."""
    return inner_distance_mm(mask) > distance_mm


def inner_distance_mm(mask: Mask) -> Image:
    """Distance to the nearest pixel outside the mask or the picture."""
    padded = np.pad(mask, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(distance * SPACING_MM, np.float32)


def random_field(shape: tuple[int, ...], sigma_mm: float, rng: np.random.Generator) -> Image:
    """Smooth white noise to a length; mean 0 and standard deviation 1 over the picture."""
    sigma_px = sigma_mm / SPACING_MM
    step = max(1, int(sigma_px / 3))
    coarse = rng.standard_normal([side // step + 8 for side in shape], np.float32)
    coarse = cv2.GaussianBlur(coarse, (0, 0), max(sigma_px / step, 0.8))
    fine = cv2.resize(coarse, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
    top, left = rng.integers(0, 3 * step, size=2)
    field = fine[top : top + shape[0], left : left + shape[1]]
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def pixel_grid(shape: tuple[int, ...]) -> Image:
    """(column, row) of every pixel, (rows, cols, 2)."""
    rows, cols = np.indices(shape, np.float32)
    return np.stack([cols, rows], axis=-1)


def warp(image: Image, displacement: Image) -> Image:
    """Sample an image at pixel + displacement (columns, rows); 0 outside."""
    target = pixel_grid(displacement.shape[:2]) + displacement
    return np.asarray(cv2.remap(image, target, None, cv2.INTER_LINEAR), np.float32)


def warp_mask(mask: Mask, displacement: Image) -> Mask:
    return warp(mask.astype(np.float32), displacement) > 0.5
