"""What lies on the backbone's maps: pooling, one linear layer, and the Grad-CAM of both.

Plain numpy. Because the head is linear in pooled maps, Grad-CAM needs no second pass through the
network: the gradient is read off the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ModelError

Floats = NDArray[np.float32]


def pooled(maps: Floats) -> Floats:
    """(n, channels, rows, cols) maps to (n, 2 channels): their means, then their maxima."""
    cells = maps.reshape(*maps.shape[:2], -1)
    return np.concatenate([cells.mean(axis=2), cells.max(axis=2)], axis=1)


@dataclass(frozen=True, eq=False)
class LinearHead:
    """One dense layer on `pooled` maps.

    Attributes
    ----------
    kernel : (2 channels, classes) float32 ndarray
    bias : (classes,) float32 ndarray
    """

    kernel: Floats
    bias: Floats

    @classmethod
    def from_weights(
        cls, weights: Mapping[str, NDArray[Any]], *, channels: int, classes: int
    ) -> "LinearHead":
        """Take ``logits/kernel`` and ``logits/bias``.

        Raises
        ------
        ModelError
            ``weights_incomplete`` when either is missing or has another shape.
        """
        kernel, bias = weights.get("logits/kernel"), weights.get("logits/bias")
        if (
            kernel is None
            or bias is None
            or kernel.shape != (2 * channels, classes)
            or bias.shape != (classes,)
        ):
            raise ModelError(
                f"The head should turn {2 * channels} features into {classes} logits.",
                code="weights_incomplete",
            )
        return cls(np.asarray(kernel, np.float32), np.asarray(bias, np.float32))

    def logits(self, features: Floats) -> NDArray[np.float64]:
        """(n, 2 channels) pooled maps to (n, classes)."""
        return np.asarray(features @ self.kernel + self.bias, np.float64)

    def grad_cam(self, maps: Floats, direction: NDArray[np.float64]) -> Floats:
        """Signed Grad-CAM of a score, before its negative part is cut.

        Parameters
        ----------
        maps : (n, channels, rows, cols) float32 ndarray
        direction : (classes,) float64 ndarray
            Derivative of the score by the logits.

        Returns
        -------
        (n, rows, cols) float32 ndarray

        Notes
        -----
        Grad-CAM weighs a map by the mean of the score's gradient over its cells. The gradient
        through a mean is spread evenly, through a maximum it lies on one cell; over all cells
        both sum to the weight of the pooled feature.

        References
        ----------
        Selvaraju et al. (2017), doi:10.1109/ICCV.2017.74.
        """
        by_feature = self.kernel @ direction.astype(np.float32)
        by_map = by_feature.reshape(2, -1).sum(axis=0) / (maps.shape[2] * maps.shape[3])
        return np.asarray(np.einsum("c,nchw->nhw", by_map, maps, optimize=True))
