"""Is this a picture like those the network learnt from? A distance in feature space.

The quality gates of the preparation refuse what has not the shape or the texture of a breast; this
refuses what has both and still is none, or comes from a device unlike all that were seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

COMPONENTS = 16
SMALLEST_DEVIATION = 1e-3
"""Of a feature that hardly any training picture has: else its first sight is infinitely far."""
MARGIN = 1.2
"""Threshold over the largest distance of a training picture whose patient was held out."""
REASON = "unfamiliar"


@dataclass(frozen=True, eq=False)
class Familiarity:
    """A normal distribution of features: free along some directions, round in the others.

    Attributes
    ----------
    mean, deviation : (features,) float32 ndarray
        They standardise the features.
    directions : (components, features) float32 ndarray
        Orthonormal, of most variance.
    variances : (components,) float32 ndarray
        Along those.
    rest : (1,) float32 ndarray
        Variance along each other direction.
    threshold : float
        Largest distance that still is familiar.
    """

    mean: Floats
    deviation: Floats
    directions: Floats
    variances: Floats
    rest: Floats
    threshold: float

    @property
    def arrays(self) -> dict[str, Floats]:
        """All but the threshold."""
        return {name: value for name, value in vars(self).items() if name != "threshold"}

    def distance(self, features: Floats) -> NDArray[np.float64]:
        """Mahalanobis distance by root of the number of features, (n, features) to (n,).

        It is about 1 for what was fitted.

        References
        ----------
        Lee et al. (2018), arXiv:1807.03888; Tipping & Bishop (1999), doi:10.1111/1467-9868.00196.
        """
        centred = (features.astype(np.float64) - self.mean) / self.deviation
        along = centred @ self.directions.T
        aside = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        squared = (along**2 / self.variances).sum(axis=1) + aside / self.rest
        return np.asarray(np.sqrt(squared / len(self.mean)))

    def knows(self, features: Floats) -> NDArray[np.bool_]:
        """Which of (n, features) are familiar."""
        return self.distance(features) <= self.threshold


def fit_familiarity(features: Floats, *, threshold: float = np.inf) -> Familiarity:
    """Fit the distribution of (n, features), n above `COMPONENTS`."""
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = np.maximum(features.std(axis=0, dtype=np.float64), SMALLEST_DEVIATION)
    centred = (features - mean) / deviation
    variance, vectors = np.linalg.eigh(centred @ centred.T / len(centred))
    variances = variance[::-1][:COMPONENTS]
    directions = (centred.T @ vectors[:, ::-1][:, :COMPONENTS]) / np.sqrt(variances * len(centred))
    others = (centred**2).sum() / len(centred) - variances.sum()
    rest = np.array([others / (features.shape[1] - COMPONENTS)])
    return Familiarity(
        mean=mean.astype(np.float32),
        deviation=deviation.astype(np.float32),
        directions=np.ascontiguousarray(directions.T, np.float32),
        variances=variances.astype(np.float32),
        rest=rest.astype(np.float32),
        threshold=threshold,
    )


def fit_with_threshold(
    features: Floats, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> tuple[Familiarity, NDArray[np.float64]]:
    """Fit on all, with a threshold from pictures of patients each fit had not seen.

    Parameters
    ----------
    features : (n, features) float32 ndarray
    folds : list of (train, held out) indices
        By patient; each picture is held out once.

    Returns
    -------
    Familiarity
    (n,) float64 ndarray
        The held-out distances.
    """
    distances = np.zeros(len(features))
    for train, held_out in folds:
        distances[held_out] = fit_familiarity(features[train]).distance(features[held_out])
    return fit_familiarity(features, threshold=MARGIN * float(distances.max())), distances
