"""Figures with an interval that resamples patients: two films of one woman are no two witnesses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

RESAMPLES = 2000
SEED = 20250101


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % percentile interval; NaN where it is not defined."""

    value: float
    low: float
    high: float
    digits: int = 2

    def __str__(self) -> str:
        value, low, high = (f"{each:.{self.digits}f}" for each in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


def by_patient(
    measure: Callable[[NDArray[np.int_]], float], patients: Sequence[str], *, digits: int = 2
) -> Figure:
    """Measure on all cases and on resamples of whole patients.

    ``measure`` gets the indices of cases, repeated as often as their patient was drawn; it returns
    NaN where it is not defined, and such resamples are left out.
    """
    rng = np.random.default_rng(SEED)
    owners = np.asarray(patients)
    members = [np.flatnonzero(owners == name) for name in np.unique(owners)]
    if not members:
        return Figure(np.nan, np.nan, np.nan, digits)
    resampled = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(len(members), size=len(members))
        resampled.append(measure(np.concatenate([members[which] for which in drawn])))
    defined = np.array(resampled)[np.isfinite(resampled)]
    low, high = np.percentile(defined, (2.5, 97.5)) if defined.size else (np.nan, np.nan)
    return Figure(measure(np.arange(owners.size)), float(low), float(high), digits)


def auc_by_patient(
    scores: Sequence[float] | NDArray[np.float64],
    changed: Sequence[bool] | NDArray[np.bool_],
    patients: Sequence[str] | NDArray[np.str_],
) -> Figure:
    """Measure how well a score (higher: rather changed) finds the changed pairs."""
    values, labels = np.asarray(scores), np.asarray(changed)

    def auc(index: NDArray[np.int_]) -> float:
        if not 0 < labels[index].sum() < index.size:
            return float("nan")
        return float(roc_auc_score(labels[index], values[index]))

    return by_patient(auc, list(patients))


def share_by_patient(hits: Sequence[bool], patients: Sequence[str]) -> Figure:
    """Measure a share of cases."""
    values = np.asarray(hits, float)
    return by_patient(lambda index: float(values[index].mean()), patients)


def median_by_patient(values: Sequence[float], patients: Sequence[str]) -> Figure:
    """Measure a median over cases."""
    known = np.asarray(values)
    return by_patient(lambda index: float(np.median(known[index])), patients, digits=1)
