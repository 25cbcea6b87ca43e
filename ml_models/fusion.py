"""One answer for a breast from all its views, seen against the other breast."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fuse_logits(own: Floats, other: Floats, *, reference: Floats, other_weight: float) -> Floats:
    """Mean logits of a breast's views, less what the other breast shows too.

    What both breasts share (density, detector, age) is no sign of disease in one of them. Without
    pictures of the other breast it counts as an average one.

    Parameters
    ----------
    own : (views, classes) float64 ndarray
        At least one view.
    other : (views, classes) float64 ndarray
        Of the same patient's other breast in the same exam; may have no rows.
    reference : (classes,) float64 ndarray
        Logits of an average breast.
    other_weight : float
        How much of the other breast's difference from the average is taken away.

    Returns
    -------
    (classes,) float64 ndarray
    """
    shared = other.mean(axis=0) - reference if len(other) else np.zeros_like(reference)
    return np.asarray(own.mean(axis=0) - other_weight * shared)
