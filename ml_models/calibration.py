"""From scores to probabilities that mean something: temperature, Platt scaling, prediction sets.

All three are fitted on predictions for patients the model had not seen. Plain numpy: serving needs
the applying half only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TEMPERATURES = np.geomspace(0.2, 10.0, 400)
_NEWTON_STEPS = 50
_TINY = 1e-7


def softmax(logits: Floats) -> Floats:
    """(n, classes) scores to probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def log_odds(logits: Floats, members: NDArray[np.bool_]) -> Floats:
    """(n, classes) logits to (n,) log-odds of the classes in `members` against the others."""
    return np.asarray(_log_sum_exp(logits[:, members]) - _log_sum_exp(logits[:, ~members]))


def log_odds_gradient(logits: Floats, members: NDArray[np.bool_]) -> Floats:
    """Derivative of `log_odds` by each of the (classes,) logits of one picture."""
    gradient = np.zeros(len(logits))
    gradient[members] = softmax(logits[members])
    gradient[~members] = -softmax(logits[~members])
    return gradient


def fit_temperature(logits: Floats, truth: NDArray[np.int64]) -> float:
    """Temperature that maximises the likelihood of the truth (on a grid, 0.2 to 10).

    Parameters
    ----------
    logits : (n, classes) float ndarray
    truth : (n,) int ndarray

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, arXiv:1706.04599.
    """
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(logits / t)[rows, truth] + _TINY).sum() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


@dataclass(frozen=True)
class Platt:
    """Calibrated probability of a yes/no question: sigmoid(slope * score + intercept)."""

    slope: float
    intercept: float

    def __call__(self, score: Floats) -> Floats:
        """(n,) scores on the scale of log-odds to probabilities in (0, 1)."""
        return _sigmoid(self.slope * score + self.intercept)


def fit_platt(score: Floats, positive: NDArray[np.bool_]) -> Platt:
    """Fit Platt scaling with his smoothed targets, by Newton's method.

    Parameters
    ----------
    score : (n,) float ndarray
        On the scale of log-odds.
    positive : (n,) bool ndarray

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines.
    """
    yes = int(positive.sum())
    no = len(positive) - yes
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    design = np.stack([score, np.ones(len(score))], axis=1)
    beta = np.array([0.0, np.log((yes + 1) / (no + 1))])
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(design @ beta)
        gradient = design.T @ (p - target)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        beta -= np.linalg.solve(hessian, gradient)
    return Platt(slope=float(beta[0]), intercept=float(beta[1]))


def fit_set_thresholds(
    probabilities: Floats,
    truth: NDArray[np.int64],
    *,
    coverage: float,
    patients: NDArray[np.str_] | None = None,
) -> Floats:
    """Smallest probability with which each class still belongs to a prediction set.

    Split-conformal, class by class: among images of a class, at least the share `coverage` has
    its own class in the set, also for the rare classes. A class with too few images to promise
    that is always in the set. Images of one patient are no independent witnesses: where patients
    are named, each counts once a class, with her least probable image.

    Parameters
    ----------
    probabilities : (n, classes) float ndarray
        Of patients the model had not seen.
    truth : (n,) int ndarray
    coverage : float
        For example 0.9.

    Returns
    -------
    (classes,) float64 ndarray

    References
    ----------
    Vovk (2013), Conditional validity of inductive conformal predictors, arXiv:1209.2673.
    """
    thresholds = np.zeros(probabilities.shape[1])
    for label in range(len(thresholds)):
        own = probabilities[truth == label, label]
        if patients is not None:
            named = patients[truth == label]
            own = np.array([own[named == patient].min() for patient in np.unique(named)])
        own = np.sort(own)
        rank = int(np.floor((len(own) + 1) * (1 - coverage)))
        if rank >= 1:
            thresholds[label] = own[rank - 1]
    return thresholds


@dataclass(frozen=True)
class Calibration:
    """What turns the logits of one model into the numbers that are shown.

    Attributes
    ----------
    temperature : float
        Divides the logits before the softmax.
    suspicious : Platt
        From the log-odds of categories 4 and higher to their calibrated probability.
    set_thresholds : tuple of float
        By class; see `fit_set_thresholds`.
    """

    temperature: float
    suspicious: Platt
    set_thresholds: tuple[float, ...]

    def probabilities(self, logits: Floats) -> Floats:
        """(n, classes) logits to probabilities that sum to 1."""
        return softmax(logits / self.temperature)

    def suspicious_probability(self, logits: Floats, suspicious: NDArray[np.bool_]) -> Floats:
        """(n, classes) logits to (n,) probability that the category is one of `suspicious`."""
        return self.suspicious(log_odds(logits, suspicious))

    def prediction_sets(self, logits: Floats) -> NDArray[np.bool_]:
        """(n, classes) logits to (n, classes): which classes cannot be ruled out."""
        return self.probabilities(logits) >= np.asarray(self.set_thresholds)


def fit_calibration(
    logits: Floats,
    truth: NDArray[np.int64],
    *,
    suspicious: NDArray[np.bool_],
    coverage: float,
    patients: NDArray[np.str_] | None = None,
) -> Calibration:
    """Fit all three parts on logits of patients the model had not seen.

    Parameters
    ----------
    logits : (n, classes) float ndarray
    truth : (n,) int ndarray
    suspicious : (classes,) bool ndarray
        Which classes are category 4 or higher.
    coverage : float
        Of the prediction sets, class by class.
    patients : (n,) str ndarray, optional
        See `fit_set_thresholds`.
    """
    temperature = fit_temperature(logits, truth)
    probabilities = softmax(logits / temperature)
    return Calibration(
        temperature=temperature,
        suspicious=fit_platt(log_odds(logits, suspicious), suspicious[truth]),
        set_thresholds=tuple(
            float(t)
            for t in fit_set_thresholds(probabilities, truth, coverage=coverage, patients=patients)
        ),
    )


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


def _log_sum_exp(logits: Floats) -> Floats:
    highest = logits.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0])
