"""Two breasts on one grid: the same scale and the same shape."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.registration import FRAME_MULTIPLE_PX
from analysis.imaging.segmentation import resize


@dataclass(frozen=True, eq=False)
class Frame:
    """A prior and a current breast as arrays of one shape, chest wall at the left, not aligned."""

    prior: NDArray[np.float32]
    prior_mask: NDArray[np.bool_]
    current: NDArray[np.float32]
    current_mask: NDArray[np.bool_]


def common_frame(*, prior: PreparedBreast, current: PreparedBreast) -> Frame:
    """Pad both working grids to one shape whose sides are multiples of 8.

    Where only one of the two scales is known, the prior is resized so that both breasts are
    equally high; registration finds the rest.
    """
    prior_image, prior_mask = prior.image, prior.mask
    scale = prior_scale(prior=prior, current=current)
    if scale != 1:
        prior_image = resize(prior_image, scale)
        prior_mask = resize(prior_mask.astype(np.float32), scale) > 0.5
    rows, cols = (
        -(-max(sides) // FRAME_MULTIPLE_PX) * FRAME_MULTIPLE_PX
        for sides in zip(prior_image.shape, current.image.shape, strict=True)
    )

    def padded(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.pad(array, ((0, rows - array.shape[0]), (0, cols - array.shape[1])))

    return Frame(
        prior=padded(prior_image).astype(np.float32),
        prior_mask=padded(prior_mask).astype(bool),
        current=padded(current.image).astype(np.float32),
        current_mask=padded(current.mask).astype(bool),
    )


def prior_scale(*, prior: PreparedBreast, current: PreparedBreast) -> float:
    """What the prior's working grid is resized by in the common frame."""
    if (prior.spacing_mm is None) == (current.spacing_mm is None):
        return 1.0
    return current.mask.shape[0] / prior.mask.shape[0]
