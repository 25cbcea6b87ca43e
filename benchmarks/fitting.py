"""Fits of the rule set: at even odds, by patient, with refits on resampled patients."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from analysis.imaging.change_rules import LogisticModel

FOLDS = 6
SEED = 20250101
REGULARISATION = 0.3
"""Inverse strength (scikit-learn's C) on standardised features."""

Matrix = NDArray[np.float64]
Labels = NDArray[np.int_]
Index = NDArray[np.int_]
Patients = NDArray[np.str_]


def fit_model(
    measured: Matrix,
    labels: Labels,
    patients: Patients,
    *,
    features: tuple[str, ...],
    degree: int,
    refits: int,
) -> LogisticModel:
    """Fit at even odds of change, then again on resampled patients."""
    centre, spread = measured.mean(axis=0), np.maximum(measured.std(axis=0), 1e-6)
    blank = LogisticModel(features, degree, centre, spread, np.zeros((0, 0, 0)))
    terms = blank.terms(measured)
    classes = np.unique(labels)
    rng = np.random.default_rng(SEED)
    names = np.unique(patients)
    weights = [_weights(terms, labels, classes)]
    while len(weights) < 1 + refits:
        drawn = rng.choice(names, size=names.size)
        index = np.concatenate([np.flatnonzero(patients == name) for name in drawn])
        if np.array_equal(np.unique(labels[index]), classes):
            weights.append(_weights(terms[index], labels[index], classes))
    return replace(blank, weights=np.array(weights))


def _weights(terms: Matrix, labels: Labels, classes: Labels) -> Matrix:
    """Return (classes, 1 + terms)."""
    changed = labels != 0
    share = changed.mean()
    odds = np.where(changed, 0.5 / share, 0.5 / (1 - share))
    model = LogisticRegression(C=REGULARISATION, max_iter=1000)
    model.fit(terms, labels, sample_weight=odds)
    own = np.column_stack([model.intercept_, model.coef_])
    return own if classes.size > 2 else np.vstack([np.zeros_like(own), own])


def left_out(
    fit: Callable[[Index], Callable[[Index], Matrix]],
    patients: Patients,
) -> Matrix:
    """Predict every case by a model fitted without its patient."""
    predicted: list[tuple[Index, Matrix]] = []
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for inside, outside in folds.split(patients, groups=patients):
        predicted.append((outside, fit(inside)(outside)))
    order = np.argsort(np.concatenate([index for index, _ in predicted]))
    return np.concatenate([values for _, values in predicted])[order]
