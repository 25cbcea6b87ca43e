"""A registered pair and what every later measurement needs of it."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.frame import Frame
from analysis.imaging.mark import Mark
from analysis.imaging.photometry import gray_match, matched
from analysis.imaging.registration import Registration

HALF = 2
"""Coarse measures are taken at 0.8 mm."""

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RegisteredPair:
    """Two breasts on one grid of 0.4 mm and the field between them."""

    frame: Frame
    registration: Registration

    @cached_property
    def mask(self) -> Mask:
        """Where both films show the breast, on the current film."""
        return self.frame.current_mask & self.registration.warp_mask(self.frame.prior_mask)

    @cached_property
    def warped_prior(self) -> Image:
        return self.registration.warp(self.frame.prior)

    @cached_property
    def matched_prior(self) -> Image:
        """The warped prior in the gray scale of the current film."""
        return matched(self.warped_prior, self.gray_match)

    @cached_property
    def gray_match(self) -> NDArray[np.float64]:
        """See ``photometry.gray_match``."""
        return gray_match(self.warped_prior, self.frame.current, self.mask)

    def to_current(self, mark: Mark) -> Mark:
        """Carry a mark on the prior to the current film: the field leads the other way."""
        rows, cols = np.nonzero(self.frame.current_mask)
        across, down = self.registration.displacement[rows, cols].T
        nearest = int(np.argmin((cols + across - mark.x) ** 2 + (rows + down - mark.y) ** 2))
        return Mark(float(cols[nearest]), float(rows[nearest]), mark.radius)

    def to_prior(self, mark: Mark) -> Mark:
        """Carry a mark on the current film to the prior."""
        row, col = round(mark.y), round(mark.x)
        across, down = self.registration.displacement[row, col]
        return mark.moved(across=float(across), down=float(down))


def halved(image: Image) -> Image:
    size = image.shape[1] // HALF, image.shape[0] // HALF
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def halved_mask(mask: Mask) -> Mask:
    return halved(mask.astype(np.float32)) > 0.5


def halved_mark(mark: Mark) -> Mark:
    return mark.scaled(1 / HALF)
