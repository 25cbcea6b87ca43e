"""Repeated stratified cross-validation of the candidates, and which of them is shipped.

The table names no patients, so rows are split and resampled as if each were a woman of her own.
Equal rows are common (five coarse attributes); a second pass keeps them on one side of the split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_models.attributes.design import raw_values
from ml_models.attributes.learners import (
    BASELINE,
    CANDIDATES,
    DESCRIPTORS_ONLY,
    Candidate,
)
from ml_models.attributes.table import MassTable
from ml_models.calibration import fit_platt
from ml_models.metrics import (
    Figure,
    auc,
    calibration_error,
    figure,
    patient_draws,
    weighted_mean,
)

Floats = NDArray[np.float64]

FOLDS, REPEATS = 10, 10
_TINY = 1e-7


@dataclass(frozen=True)
class Validated:
    """Held-out figures of one candidate.

    Attributes
    ----------
    name : str
    probabilities : (repeats, n) float64 ndarray
        Of rows the fit had not seen.
    auc_draws : (draws + 1,) float64 ndarray
        Mean over the repeats; the first entry on the rows as they are.
    auc, brier, calibration_error, accuracy : Figure
        Means over the repeats, intervals by resampling rows; the accuracy is at 0.5.
    calibration_slope : float
        Of the truth on the log-odds: 1 when they are neither too bold nor too timid.
    """

    name: str
    probabilities: Floats
    auc_draws: Floats
    auc: Figure
    brier: Figure
    calibration_error: Figure
    accuracy: Figure
    calibration_slope: float


@dataclass(frozen=True)
class Validation:
    """All candidates on the same splits.

    Attributes
    ----------
    baseline, descriptors_only : Validated
    candidates : tuple of Validated
        From simple to involved.
    loss : tuple of Figure
        By candidate: how much AUC it loses against the best of them, on the same resamplings.
    shipped : Validated
        The first candidate whose loss may be nothing.
    apart : Validated
        The shipped candidate with equal rows kept on one side.
    """

    baseline: Validated
    descriptors_only: Validated
    candidates: tuple[Validated, ...]
    loss: tuple[Figure, ...]
    shipped: Validated
    apart: Validated


def validate(table: MassTable, *, repeats: int = REPEATS) -> Validation:
    """Cross-validate every candidate."""
    candidates = tuple(_validated(one, table, repeats=repeats) for one in CANDIDATES)
    best = max(candidates, key=lambda one: one.auc.value)
    loss = tuple(figure(best.auc_draws - one.auc_draws) for one in candidates)
    chosen = simplest_within_noise(loss)
    return Validation(
        baseline=_validated(BASELINE, table, repeats=repeats),
        descriptors_only=_validated(DESCRIPTORS_ONLY, table, repeats=repeats),
        candidates=candidates,
        loss=loss,
        shipped=candidates[chosen],
        apart=_validated(CANDIDATES[chosen], table, repeats=repeats, keep_equal_together=True),
    )


def simplest_within_noise(loss: Sequence[Figure]) -> int:
    """Index of the first whose interval of the loss reaches down to nothing."""
    return next(i for i, one in enumerate(loss) if one.low <= 0)


def out_of_fold(
    candidate: Candidate, table: MassTable, *, repeat: int, keep_equal_together: bool
) -> Floats:
    """(n,) probabilities of rows the fit had not seen."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = StratifiedGroupKFold if keep_equal_together else StratifiedKFold
    folds = splitter(n_splits=FOLDS, shuffle=True, random_state=repeat)
    groups = table.patterns() if keep_equal_together else None
    values = raw_values(table.masses)
    held_out = np.full(len(values), np.nan)
    for train, test in folds.split(values, table.malignant, groups):
        held_out[test] = candidate.learn(values[train], table.malignant[train])(values[test])
    return held_out


def _validated(
    candidate: Candidate, table: MassTable, *, repeats: int, keep_equal_together: bool = False
) -> Validated:
    truth = table.malignant
    draws = patient_draws([str(row) for row in range(len(truth))])
    found = np.stack(
        [
            out_of_fold(candidate, table, repeat=r, keep_equal_together=keep_equal_together)
            for r in range(repeats)
        ]
    )
    aucs = np.mean([auc(positive=truth, score=p, weights=draws) for p in found], axis=0)
    errors = [calibration_error(positive=truth, probability=p, weights=draws) for p in found]
    squares = ((found - truth) ** 2).mean(axis=0)
    right = ((found >= 0.5) == truth).mean(axis=0)
    return Validated(
        name=candidate.name,
        probabilities=found,
        auc_draws=aucs,
        auc=figure(aucs),
        brier=figure(weighted_mean(squares, draws)),
        calibration_error=figure(np.mean(errors, axis=0)),
        accuracy=figure(weighted_mean(right, draws)),
        calibration_slope=float(np.mean([fit_platt(_log_odds(p), truth).slope for p in found])),
    )


def _log_odds(p: Floats) -> Floats:
    kept = np.clip(p, _TINY, 1 - _TINY)
    return np.asarray(np.log(kept / (1 - kept)))
