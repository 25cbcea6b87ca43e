"""What is fitted and compared: the assessment alone, logistic models, gradient boosting.

Each learner sees (n, 5) raw values (NaN for gaps) and fills and scales on its training rows alone.
Rows without an assessment are given to a fit of the descriptors only, in training as in serving:
among them are the masses filed as proven cancer, and a column "no assessment" would learn that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_models.attributes.design import ASSESSMENT_CENTRE, Design
from ml_models.attributes.model import Logistic

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
Predict = Callable[[Floats], Floats]
Learner = Callable[[Floats, Truth], Predict]

RIDGE = 1.0  # variance 1 for a coefficient: a step of one category rarely moves the odds tenfold
AGE_KNOTS = 4
_NEWTON_STEPS = 50
_CONVERGED = 1e-10


def fit_ridge_logistic(columns: Floats, malignant: Truth, *, weights: Floats) -> Floats:
    """Coefficients by Newton's method; all but the first, the intercept, are drawn to 0.

    Parameters
    ----------
    columns : (n, p) float ndarray
        The first all ones.
    malignant : (n,) bool ndarray
    weights : (n,) float ndarray
        How often each row counts.
    """
    penalty = np.full(columns.shape[1], RIDGE)
    penalty[0] = 0.0
    beta = np.zeros(columns.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-columns @ beta))
        gradient = columns.T @ (weights * (p - malignant)) + penalty * beta
        hessian = (columns.T * (weights * p * (1 - p))) @ columns + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta -= step
        if np.abs(step).max() < _CONVERGED:
            break
    return beta


def fit_logistic(
    values: Floats, malignant: Truth, *, age_knots: int, with_assessment: bool, refits: int = 0
) -> Logistic:
    """Fit a design and its coefficients, and refit them on `refits` resamplings of the rows."""
    if with_assessment:
        known = ~np.isnan(values[:, 4])
        values, malignant = values[known], malignant[known]
    design = Design.learn(values, age_knots=age_knots, with_assessment=with_assessment)
    columns = design.columns(values)
    rng = np.random.default_rng(0)
    rows = len(values)
    draws = rng.multinomial(rows, np.full(rows, 1 / rows), size=refits).astype(float)
    return Logistic(
        design,
        np.stack(
            [
                fit_ridge_logistic(columns, malignant, weights=weights)
                for weights in (np.ones(rows), *draws)
            ]
        ),
    )


def logistic(*, age_knots: int, with_assessment: bool) -> Learner:
    """Ridge logistic regression; a GAM when age has knots."""

    def learn(values: Floats, malignant: Truth) -> Predict:
        model = fit_logistic(
            values, malignant, age_knots=age_knots, with_assessment=with_assessment
        )
        return lambda new: model.probabilities(new)[:, 0]

    return learn


def with_fallback(full: Learner, fallback: Learner) -> Learner:
    """`full` for rows that have an assessment, `fallback` for those that have none."""

    def learn(values: Floats, malignant: Truth) -> Predict:
        answer, otherwise = full(values, malignant), fallback(values, malignant)

        def predict(new: Floats) -> Floats:
            return np.where(np.isnan(new[:, 4]), otherwise(new), answer(new))

        return predict

    return learn


def assessment_alone(values: Floats, malignant: Truth) -> Predict:
    """The doctor's category and nothing else; the share of malignant masses where there is none."""

    def columns(of: Floats) -> Floats:
        return np.stack([np.ones(len(of)), of[:, 4] - ASSESSMENT_CENTRE], axis=1)

    known = ~np.isnan(values[:, 4])
    beta = fit_ridge_logistic(
        columns(values[known]), malignant[known], weights=np.ones(known.sum())
    )

    def predict(new: Floats) -> Floats:
        probabilities = 1 / (1 + np.exp(-columns(new) @ beta))
        return np.where(np.isnan(new[:, 4]), malignant.mean(), probabilities)

    return predict


def gradient_boosting(values: Floats, malignant: Truth) -> Predict:
    """Boosted trees, which take gaps as they come."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=100, max_leaf_nodes=8, min_samples_leaf=10, random_state=0
    )
    with threadpool_limits(1):  # so few rows are slower in many threads
        model.fit(values, malignant)
    return lambda new: model.predict_proba(new)[:, 1]


@dataclass(frozen=True)
class Candidate:
    """A learner under the name the card gives it."""

    name: str
    learn: Learner


DESCRIPTORS_ONLY = Candidate("descriptors only", logistic(age_knots=0, with_assessment=False))
BASELINE = Candidate("assessment alone", assessment_alone)
# from simple to involved: the first that is not worse than the best, within noise, is shipped
CANDIDATES = (
    Candidate(
        "logistic",
        with_fallback(logistic(age_knots=0, with_assessment=True), DESCRIPTORS_ONLY.learn),
    ),
    Candidate(
        "logistic, age spline",
        with_fallback(
            logistic(age_knots=AGE_KNOTS, with_assessment=True),
            logistic(age_knots=AGE_KNOTS, with_assessment=False),
        ),
    ),
    Candidate("gradient boosting", gradient_boosting),
)
