"""What lies on the backbone's maps: pooling, one linear layer, and the Grad-CAM of both.

Plain numpy. Because the head is linear in pooled maps, Grad-CAM needs no second pass through the
network: the gradient is read off the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import LITE0_CHANNELS
from ml_models.errors import ModelError

Floats = NDArray[np.float32]


POOLING_VERSION = "pool-2"
PATCH_CELLS = 5
"""Side, in cells, of the window over which the patch scorer's logits are averaged."""
SMALLEST_COVER = 0.5
NO_BREAST = -10.0
STRONGEST = 5
"""How many cells stand for the most suspicious places."""


def pooled(maps: Floats) -> Floats:
    """(n, channels, rows, cols) maps to features: their means, then their maxima.

    Behind the 1280 maps of the backbone may lie what the patch scorer says: it is turned into
    `lesion_evidence`, two features at the end.
    """
    own, scores = maps[:, :LITE0_CHANNELS], maps[:, LITE0_CHANNELS:]
    cells = own.reshape(*own.shape[:2], -1)
    features = [cells.mean(axis=2), cells.max(axis=2)]
    if scores.shape[1]:
        strongest = np.sort(lesion_evidence(scores).reshape(len(maps), 2, -1), axis=2)
        features.append(strongest[:, :, -STRONGEST:].mean(axis=2))
    return np.concatenate(features, axis=1)


def lesion_evidence(scores: Floats) -> Floats:
    """What the patch scorer says of every cell.

    Parameters
    ----------
    scores : (n, 4, rows, cols) float32 ndarray
        Logits of normal tissue, benign and malignant lesion, then the share of the cell that is
        breast. Logits are first averaged over the window the patch scorer was taught on, the
        breast in it alone.

    Returns
    -------
    (n, 2, rows, cols) float32 ndarray
        Log-odds of a lesion, and of a malignant one; `NO_BREAST` in cells that are background for
        the greater part.
    """
    evidence = np.full((len(scores), 2, *scores.shape[2:]), NO_BREAST, np.float32)
    for picture, found in zip(scores, evidence, strict=True):
        cover = picture[3]
        inside = cover >= SMALLEST_COVER
        weight = _window_sum(cover)[inside]
        normal, benign, malignant = (
            _window_sum(logits * cover)[inside] / weight for logits in picture[:3]
        )
        found[0, inside] = np.logaddexp(benign, malignant) - normal
        found[1, inside] = malignant - np.logaddexp(normal, benign)
    return evidence


def _window_sum(cells: Floats) -> NDArray[Any]:
    return cv2.boxFilter(
        np.ascontiguousarray(cells),
        ddepth=-1,
        ksize=(PATCH_CELLS, PATCH_CELLS),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )


@dataclass(frozen=True, eq=False)
class LinearHead:
    """One dense layer on `pooled` maps.

    Attributes
    ----------
    kernel : (2 channels, classes) float32 ndarray
        Two rows more where lesion evidence is pooled too.
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
            or kernel.shape not in ((2 * channels, classes), (2 * channels + 2, classes))
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
        both sum to the weight of the pooled feature. Evidence of the patch scorer is shown wherever
        it speaks for a lesion, with the weight that each of the strongest places has.

        References
        ----------
        Selvaraju et al. (2017), doi:10.1109/ICCV.2017.74.
        """
        by_feature = self.kernel @ direction.astype(np.float32)
        own, scores = maps[:, :LITE0_CHANNELS], maps[:, LITE0_CHANNELS:]
        count = own.shape[1]
        by_map = by_feature[: 2 * count].reshape(2, -1).sum(axis=0)
        cam = np.einsum("c,nchw->nhw", by_map, own, optimize=True)
        cam /= maps.shape[2] * maps.shape[3]
        if scores.shape[1]:
            evidence = np.maximum(lesion_evidence(scores), 0) / STRONGEST
            cam += np.einsum("c,nchw->nhw", by_feature[2 * count :], evidence, optimize=True)
        return np.asarray(cam)
