"""Predictions for every patient by a model that never saw her, and the figures they give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models import metrics
from ml_models.calibration import Calibration, fit_calibration
from ml_models.categories import CATEGORIES, class_index, is_suspicious, spread_over_categories
from ml_models.dataset import Sample, patient_folds
from ml_models.fitting import Curves
from ml_models.learners import Learner, labels_of
from ml_models.metrics import Figure

Floats = NDArray[np.float64]

FOLDS = 4
COVERAGE = 0.9


@dataclass(frozen=True)
class OutOfFold:
    """One learner's answers on held-out patients, in the order of the samples.

    Attributes
    ----------
    name : str
    logits : (n, classes) float64 ndarray
    probabilities : (n, 5) float64 ndarray
        Over '2' ... '6', calibrated on the other folds.
    suspicious : (n,) float64 ndarray
        Calibrated probability of category 4 or higher.
    sets : list of tuple of str
        Prediction sets.
    calibration : Calibration
        Fitted on all folds: what a model trained on everything is shipped with.
    curves : list of dict
        Of each fold.
    """

    name: str
    logits: Floats
    probabilities: Floats
    suspicious: Floats
    sets: list[tuple[str, ...]]
    calibration: Calibration
    curves: list[Curves]


def outer_folds(
    samples: Sequence[Sample], *, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The folds by patient on which every model is measured, stratified by category."""
    strata = np.array([int(sample.category) for sample in samples], np.int64)
    return patient_folds(samples, strata, folds=FOLDS, seed=seed)


def out_of_fold(learner: Learner, samples: Sequence[Sample], *, seed: int) -> OutOfFold:
    """Train on all folds but one, predict the one, for each; calibrate likewise.

    The calibration applied to a fold is fitted on the out-of-fold logits of the other folds, so
    that the figures of calibration and coverage are measured on patients it never saw.
    """
    folds = outer_folds(samples, seed=seed)
    logits = np.zeros((len(samples), len(learner.classes)))
    curves = []
    for train, held_out in folds:
        learnt = learner.learn(train, held_out, seed=seed)
        logits[held_out] = learnt.logits
        curves.append(learnt.curves)
    suspicious = np.zeros(len(samples))
    probabilities = np.zeros((len(samples), len(CATEGORIES)))
    sets: list[tuple[str, ...]] = [()] * len(samples)
    for others, fold in folds:
        calibration = calibrate(learner, samples, logits, at=others)
        shown = calibration.probabilities(logits[fold])
        probabilities[fold] = spread_over_categories(shown, learner.classes)
        suspicious[fold] = calibration.suspicious_probability(
            logits[fold], is_suspicious(learner.classes)
        )
        for i, kept in zip(fold, calibration.prediction_sets(logits[fold]), strict=True):
            sets[i] = tuple(c for c, k in zip(learner.classes, kept, strict=True) if k)
    everything = np.arange(len(samples))
    return OutOfFold(
        name=learner.name,
        logits=logits,
        probabilities=probabilities,
        suspicious=suspicious,
        sets=sets,
        calibration=calibrate(learner, samples, logits, at=everything),
        curves=curves,
    )


def calibrate(
    learner: Learner, samples: Sequence[Sample], logits: Floats, *, at: NDArray[np.int64]
) -> Calibration:
    """Fit a calibration on the out-of-fold logits of the images at `at` that look like a class."""
    truth = labels_of(samples, learner.classes)
    at = at[truth[at] >= 0]
    return fit_calibration(
        logits[at],
        truth[at],
        suspicious=is_suspicious(learner.classes),
        coverage=COVERAGE,
    )


@dataclass(frozen=True)
class Scores:
    """Figures of one model on one set of images.

    Attributes
    ----------
    images, patients : int
    overall : dict of str to Figure
    per_class : dict of str to dict
        Appearance class to its n, precision, recall and F1.
    confusion : (4, 4) int ndarray
        Appearance classes; rows are the truth.
    """

    images: int
    patients: int
    overall: dict[str, Figure]
    per_class: dict[str, dict[str, Any]]
    confusion: NDArray[np.int64]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a manifest, figures as ``[value, low, high]``."""
        return {
            "images": self.images,
            "patients": self.patients,
            "overall": {name: value.as_list() for name, value in self.overall.items()},
            "per_class": {
                label: {
                    name: value.as_list() if isinstance(value, Figure) else value
                    for name, value in row.items()
                }
                for label, row in self.per_class.items()
            },
            "confusion": self.confusion.tolist(),
        }


def score(
    samples: Sequence[Sample],
    probabilities: Floats,
    suspicious: Floats,
    sets: Sequence[tuple[str, ...]] | None,
    *,
    appearance: tuple[str, ...],
) -> Scores:
    """Measure answers on images of category 2 to 6.

    Parameters
    ----------
    samples : sequence of Sample
        n images, each of category '2' to '6'.
    probabilities : (n, 5) float ndarray
    suspicious : (n,) float ndarray
    sets : sequence of tuple of str, or None
        Prediction sets, if the model gives any.
    appearance : tuple of str
        Classes by appearance; category 6 counts as 5 there.
    """
    weights = metrics.patient_draws([sample.patient for sample in samples])
    truth = np.array([class_index(s.category, appearance) for s in samples], np.int64)
    answer = probabilities.argmax(axis=1)
    looks = np.array([class_index(category, appearance) for category in CATEGORIES], np.int64)
    by_look = metrics.confusion_counts(
        truth=truth, predicted=looks[answer], classes=len(appearance), weights=weights
    )
    filed = metrics.confusion_counts(
        truth=np.array([CATEGORIES.index(s.category) for s in samples], np.int64),
        predicted=answer,
        classes=len(CATEGORIES),
        weights=weights,
    )
    positive = is_suspicious(appearance)[truth]
    values = {f"filed_{n}": v for n, v in metrics.overall_figures(filed).items()}
    values |= metrics.overall_figures(by_look)
    values["auc_suspicious"] = metrics.auc(positive=positive, score=suspicious, weights=weights)
    values["calibration_error"] = metrics.calibration_error(
        positive=positive, probability=suspicious, weights=weights
    )
    if sets is not None:
        merged_sets = [{class_index(category, appearance) for category in kept} for kept in sets]
        covered = np.array([i in kept for i, kept in zip(truth, merged_sets, strict=True)])
        values["set_coverage"] = metrics.weighted_mean(covered.astype(float), weights)
        sizes = np.array([len(kept) for kept in merged_sets], float)
        values["set_size"] = metrics.weighted_mean(sizes, weights)
        abstained = np.isin(sizes, (0, len(appearance))).astype(float)
        values["abstained"] = metrics.weighted_mean(abstained, weights)
    by_class = metrics.class_figures(by_look)
    return Scores(
        images=len(samples),
        patients=len({sample.patient for sample in samples}),
        overall=metrics.figures(values),
        per_class={
            label: {
                "n": int((truth == i).sum()),
                **{name: metrics.figure(v[:, i]) for name, v in by_class.items()},
            }
            for i, label in enumerate(appearance)
        },
        confusion=by_look[0].astype(np.int64),
    )


def majority(samples: Sequence[Sample]) -> tuple[Floats, Floats]:
    """Probabilities and suspicion of always giving the most frequent category."""
    counts = np.bincount([CATEGORIES.index(s.category) for s in samples], minlength=5)
    answer = np.eye(len(CATEGORIES))[int(counts.argmax())]
    share = float(np.mean([s.category >= "4" for s in samples]))
    return np.tile(answer, (len(samples), 1)), np.full(len(samples), share)
