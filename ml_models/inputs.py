"""From a prepared breast to what the networks see: one function for training and serving."""

import cv2
import numpy as np
from numpy.typing import NDArray


def canvas_box(crop_shape: tuple[int, ...], shape: tuple[int, int]) -> tuple[int, int, int]:
    """Top row, rows and columns that a crop of this shape takes in a canvas of that."""
    scale = min(shape[0] / crop_shape[0], shape[1] / crop_shape[1])
    rows, cols = (
        min(limit, max(1, round(side * scale)))
        for side, limit in zip(crop_shape, shape, strict=True)
    )
    return (shape[0] - rows) // 2, rows, cols


def fit_to_canvas(crop: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Scale a breast crop into a fixed canvas, aspect kept, chest wall at the left edge.

    Parameters
    ----------
    crop : (rows, cols) float32 ndarray
        Intensities in [0, 1], chest wall at the left, background 0; any size. Not modified.
    shape : (rows, cols)
        Size of the canvas.

    Returns
    -------
    (rows, cols) float32 ndarray
        The crop as large as it fits, centred from top to bottom, 0 elsewhere.
    """
    top, rows, cols = canvas_box(crop.shape, shape)
    how = cv2.INTER_AREA if rows < crop.shape[0] else cv2.INTER_LINEAR
    canvas = np.zeros(shape, np.float32)
    canvas[top : top + rows, :cols] = cv2.resize(crop, (cols, rows), interpolation=how)
    return canvas


def squeeze_to_canvas(picture: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Scale a whole picture to a fixed size, aspect lost, as the founding paper does."""
    return np.asarray(
        cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32
    )
