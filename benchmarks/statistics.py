"""Discrimination with an interval: the area under the ROC curve, resampled by patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

RESAMPLES = 2000
SEED = 20250101


@dataclass(frozen=True)
class Auc:
    """Area under the curve with a 95 % percentile interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def auc_by_patient(
    scores: NDArray[np.float64], changed: NDArray[np.bool_], patients: NDArray[np.str_]
) -> Auc:
    """Measure how well a score (higher: rather changed) finds the changed pairs.

    The interval resamples patients, not pairs: two views of one breast are no two witnesses.
    Resamples in which one of the two classes is missing are left out.
    """
    rng = np.random.default_rng(SEED)
    names = np.unique(patients)
    members = [np.flatnonzero(patients == name) for name in names]
    resampled = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(len(names), size=len(names))
        index = np.concatenate([members[which] for which in drawn])
        if 0 < changed[index].sum() < index.size:
            resampled.append(roc_auc_score(changed[index], scores[index]))
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Auc(float(roc_auc_score(changed, scores)), float(low), float(high))
