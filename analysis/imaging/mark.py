"""Marks: a disc drawn round a lesion, carried from the picture as it came to the working grid."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from analysis.imaging.errors import ImagingError
from analysis.imaging.segmentation import bounding_box


@dataclass(frozen=True)
class Mark:
    """A disc round a lesion.

    Attributes
    ----------
    x, y : float
        Column and row of the centre, px (the centre of the first pixel is 0).
    radius : float
        px.
    """

    x: float
    y: float
    radius: float

    def moved(self, *, across: float, down: float) -> "Mark":
        """Return the disc moved by (across, down) px."""
        return replace(self, x=self.x + across, y=self.y + down)

    def scaled(self, factor: float) -> "Mark":
        """Return the disc on a grid of ``factor`` pixels for one of this grid."""
        return Mark(_scaled(self.x, factor), _scaled(self.y, factor), self.radius * factor)

    def covers(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the pixels of a (rows, cols) grid whose centres lie in the disc."""
        rows, cols = np.ogrid[: shape[0], : shape[1]]
        return np.asarray((cols - self.x) ** 2 + (rows - self.y) ** 2 <= self.radius**2)


@dataclass(frozen=True)
class GridPlacement:
    """How the working grid of a prepared breast lies in its source picture.

    Attributes
    ----------
    top, left, right : int
        The breast's bounding box in source pixels (right exclusive).
    scale : float
        Working pixels a source pixel.
    mirrored : bool
        True when the chest wall lies at the right of the source.
    """

    top: int
    left: int
    right: int
    scale: float
    mirrored: bool

    def to_grid(self, mark: Mark) -> Mark:
        """Carry a disc from source to working pixels."""
        across = self.right - 1 - mark.x if self.mirrored else mark.x - self.left
        return Mark(across, mark.y - self.top, mark.radius).scaled(self.scale)

    def to_source(self, mark: Mark) -> Mark:
        """Carry a disc from working to source pixels."""
        boxed = mark.scaled(1 / self.scale)
        x = self.right - 1 - boxed.x if self.mirrored else self.left + boxed.x
        return Mark(x, self.top + boxed.y, boxed.radius)


def grid_placement(breast: PreparedBreast) -> GridPlacement:
    """Find where the working grid lies in the source.

    Raises
    ------
    ImagingError
        ``no_breast`` when the picture shows none.
    """
    grid_mask = breast.grid_mask
    if not grid_mask.any():
        raise ImagingError("no_breast", "Expected a picture of a breast to mark; none was found.")
    down, across = (breast.source.shape[axis] / grid_mask.shape[axis] for axis in (0, 1))
    top, bottom, left, right = bounding_box(grid_mask)
    first, last = round(top * down), round(bottom * down)
    return GridPlacement(
        top=first,
        left=round(left * across),
        right=round(right * across),
        scale=breast.image.shape[0] / (last - first),
        mirrored=breast.chest_wall == "right",
    )


def _scaled(position: float, scale: float) -> float:
    """Scale a coordinate; pixels are squares whose centres are whole numbers."""
    return (position + 0.5) * scale - 0.5
