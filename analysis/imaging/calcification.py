"""Calcifications at a mark: counted on the film as it came, and kept out of a mass.

They often stay when the tumour is gone, so what is left of them is no residual mass, and that they
are still there says nothing about response.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.mark import Mark

LARGEST_MM = 1.0
LOWEST_CONTRAST = 0.08
OUTSTANDING = 12.0
"""A speck rises so many times as high as the texture round the mark does on average."""
SURROUNDINGS = 2.5
"""So many radii round the mark tell what is ordinary."""

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Calcifications:
    """Bright specks of at most 1 mm at a mark; crossing vessels and dust look alike.

    Attributes
    ----------
    count : int
    extent_mm : float
        Longest distance between two of them; 0 for fewer than two.
    """

    count: int
    extent_mm: float


def count_calcifications(picture: Image, mark: Mark, *, spacing_mm: float) -> Calcifications:
    """Count the specks inside a mark.

    Parameters
    ----------
    picture : (rows, cols) float32 ndarray
        The film as it came, intensities in [0, 1]. Not modified.
    mark : Mark
        In pixels of ``picture``.
    spacing_mm : float
        Millimetres per pixel of ``picture``. Specks much finer than a pixel are not seen.
    """
    near = _window(picture.shape, mark)
    specks, _ = _specks(picture[near], spacing_mm=spacing_mm)
    specks &= mark.covers(picture.shape)[near]
    _, _, _, centres = cv2.connectedComponentsWithStats(specks.astype(np.uint8), connectivity=8)
    places = centres[1:]
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return Calcifications(len(places), float(apart.max(initial=0.0)) * spacing_mm)


def without_calcifications(image: Image, mark: Mark) -> Image:
    """Return the working grid (0.4 mm) with the specks inside a mark levelled to their ground."""
    near = _window(image.shape, mark)
    specks, ground = _specks(image[near], spacing_mm=WORKING_SPACING_MM)
    specks &= mark.covers(image.shape)[near]
    if not specks.any():
        return image
    levelled = image.copy()
    around = cv2.dilate(specks.astype(np.uint8), _disc(WORKING_SPACING_MM)) > 0
    levelled[near][around] = ground[around]
    return levelled


def _specks(image: Image, *, spacing_mm: float) -> tuple[Mask, Image]:
    """Find what an opening of 1 mm takes away, and what it leaves (white top-hat)."""
    if image.size == 0:
        return np.zeros(image.shape, bool), image
    opened = cv2.morphologyEx(image, cv2.MORPH_OPEN, _disc(spacing_mm))
    ground = np.asarray(opened, np.float32)
    height = image - ground
    return height > max(LOWEST_CONTRAST, OUTSTANDING * float(height.mean())), ground


def _disc(spacing_mm: float) -> NDArray[np.uint8]:
    """Return the smallest disc that no speck fills."""
    side = 2 * int(np.ceil(LARGEST_MM / spacing_mm / 2)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _window(shape: tuple[int, ...], mark: Mark) -> tuple[slice, slice]:
    reach = int(np.ceil(SURROUNDINGS * mark.radius)) + 1
    down, across = (
        slice(max(round(place) - reach, 0), max(round(place) + reach + 1, 0))
        for place in (mark.y, mark.x)
    )
    return down, across
