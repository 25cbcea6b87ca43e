"""Figures of a classifier on ordered classes, each with an interval that resamples patients.

Images of one woman resemble each other, so an interval that resamples images is too narrow. Here
every bootstrap draw is a weight per image (how often its patient was drawn), and all figures are
computed for all draws at once from weighted counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 2000
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Figure:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float | None]:
        """Return [value, low, high] rounded to four places; None where a value is undefined."""
        parts = (self.value, self.low, self.high)
        return [None if np.isnan(part) else round(float(part), 4) for part in parts]

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "undefined"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def patient_draws(patients: Sequence[str], *, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Bootstrap weights by patient.

    Returns
    -------
    (draws + 1, n) float64 ndarray
        The first row is all ones (the data as it is); in each further row an image weighs as
        often as its patient was drawn, with replacement, among all patients.
    """
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    count = int(owner.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    return np.concatenate([np.ones((1, len(owner))), drawn[:, owner].astype(np.float64)])


def figure(values: Floats) -> Figure:
    """First value with the 2.5 and 97.5 percentiles of the rest, undefined draws left out."""
    drawn = values[1:][~np.isnan(values[1:])]
    if drawn.size == 0:
        return Figure(float(values[0]), float("nan"), float("nan"))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(float(values[0]), float(low), float(high))


def confusion_counts(
    *, truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int, weights: Floats
) -> Floats:
    """Weighted confusion matrices.

    Parameters
    ----------
    truth, predicted : (n,) int ndarray
        Class indices.
    classes : int
    weights : (draws, n) float ndarray

    Returns
    -------
    (draws, classes, classes) float64 ndarray
        Rows are the truth, columns the prediction.
    """
    cell = truth * classes + predicted
    flat = weights @ np.eye(classes * classes)[cell]
    return np.asarray(flat.reshape(-1, classes, classes))


def class_figures(confusion: Floats) -> dict[str, Floats]:
    """Precision, recall and F1, each (draws, classes); NaN where a class is absent.

    Precision of a class that is never predicted is 0: an answer never given is no success.
    """
    hit = np.diagonal(confusion, axis1=1, axis2=2)
    present, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    absent = np.where(present > 0, 1.0, np.nan)
    return {
        "precision": absent * hit / np.maximum(predicted, 1e-12),
        "recall": absent * hit / np.maximum(present, 1e-12),
        "f1": absent * 2 * hit / np.maximum(present + predicted, 1e-12),
    }


def overall_figures(confusion: Floats) -> dict[str, Floats]:
    """Accuracy, balanced accuracy, macro-F1 and quadratic kappa, each (draws,).

    Balanced accuracy and macro-F1 average over the classes that are present in the draw.
    """
    total = confusion.sum(axis=(1, 2))
    by_class = class_figures(confusion)
    return {
        "accuracy": np.trace(confusion, axis1=1, axis2=2) / total,
        "balanced_accuracy": np.nanmean(by_class["recall"], axis=1),
        "macro_f1": np.nanmean(by_class["f1"], axis=1),
        "quadratic_kappa": quadratic_kappa(confusion),
    }


def quadratic_kappa(confusion: Floats) -> Floats:
    rank = np.arange(confusion.shape[1])
    cost = (rank[:, None] - rank[None, :]) ** 2
    total = confusion.sum(axis=(1, 2))
    chance = confusion.sum(axis=2)[:, :, None] * confusion.sum(axis=1)[:, None, :]
    expected = (cost * chance).sum(axis=(1, 2)) / total
    observed = (cost * confusion).sum(axis=(1, 2))
    return np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1), 0.0)


def auc(*, positive: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve per draw, ties counted half; NaN where one side is absent.

    Parameters
    ----------
    positive : (n,) bool ndarray
    score : (n,) float ndarray
        Higher means more likely positive.
    weights : (draws, n) float ndarray
    """
    above = score[positive][:, None] - score[~positive][None, :]
    wins = (above > 0) + 0.5 * (above == 0)
    up, down = weights[:, positive], weights[:, ~positive]
    pairs = up.sum(axis=1) * down.sum(axis=1)
    won = ((up @ wins) * down).sum(axis=1)
    return np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1), np.nan)


def calibration_error(
    *, positive: NDArray[np.bool_], probability: Floats, weights: Floats
) -> Floats:
    """Expected calibration error of a binary probability per draw, ten bins of equal count."""
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, CALIBRATION_BINS)
    gap = [np.abs(weights[:, b] @ (probability[b] - positive[b])) for b in bins]
    return np.asarray(np.sum(gap, axis=0) / weights.sum(axis=1))


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Mean of one value an image per draw, (draws,)."""
    return np.asarray((weights @ values) / weights.sum(axis=1))


def figures(of: dict[str, Floats]) -> dict[str, Figure]:
    """`figure` of every entry."""
    return {name: figure(values) for name, values in of.items()}
