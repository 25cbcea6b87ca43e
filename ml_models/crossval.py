"""Predictions for every patient by a model that never saw her, and the figures they give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models import metrics
from ml_models.calibration import Calibration, fit_calibration
from ml_models.categories import (
    CATEGORIES,
    SUSPICIOUS_FROM,
    class_index,
    is_suspicious,
    spread_over_categories,
)
from ml_models.dataset import (
    Breast,
    Sample,
    check_disjoint,
    image_folds,
    other_breast,
    patient_folds,
)
from ml_models.fitting import Curves
from ml_models.fusion import fuse_logits
from ml_models.learners import Learner, labels_of
from ml_models.metrics import Figure

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Fold = tuple[Indices, Indices]
"""Indices of the images learnt from, and of those held out."""

FOLDS = 4
COVERAGE = 0.92
"""What the prediction sets aim at so that 0.9 is held: they are fitted on few patients."""
FEWEST_IN_A_SLICE = 30


@dataclass(frozen=True)
class RawAnswers:
    """Logits about patients a model had not seen, in the order of the samples.

    Attributes
    ----------
    classes : tuple of str
    logits : (n, classes) float64 ndarray
    references : (n, classes) float64 ndarray
        Mean logits of the images the answering model learnt from.
    curves : list of dict
        Of each fold.
    """

    classes: tuple[str, ...]
    logits: Floats
    references: Floats
    curves: list[Curves]


@dataclass(frozen=True)
class OutOfFold(RawAnswers):
    """One learner's calibrated answers about patients it had not seen.

    Attributes
    ----------
    name : str
    probabilities : (n, 5) float64 ndarray
        Over '2' ... '6', calibrated on other patients.
    suspicious : (n,) float64 ndarray
        Calibrated probability of category 4 or higher.
    sets : list of tuple of str
        Prediction sets.
    calibration : Calibration
        Fitted on all folds: what a model trained on everything is shipped with.
    """

    name: str
    probabilities: Floats
    suspicious: Floats
    sets: list[tuple[str, ...]]
    calibration: Calibration


def outer_folds(
    samples: Sequence[Sample], own: Indices, *, seed: int, by_patient: bool = True
) -> list[Fold]:
    """The folds of the images at `own` on which every model is measured, stratified by category.

    `by_patient` is False in one place only, where the price of splitting by image is shown.
    """
    strata = np.array([int(samples[i].category) for i in own], np.int64)
    if by_patient:
        split = patient_folds([samples[i] for i in own], strata, folds=FOLDS, seed=seed)
    else:
        split = image_folds(strata, folds=FOLDS, seed=seed)
    return [(own[train], own[held_out]) for train, held_out in split]


def out_of_fold(
    learner: Learner, samples: Sequence[Sample], own: Indices, *, seed: int, by_patient: bool = True
) -> OutOfFold:
    """Predict every image by a model that saw neither its patient nor its set.

    The images at `own` are split into folds: for each, a model learns from the others. Images of
    other sets are answered by a model that learnt from all of `own`.
    """
    folds = outer_folds(samples, own, seed=seed, by_patient=by_patient)
    outside = np.setdiff1d(np.arange(len(samples)), own)
    logits = np.zeros((len(samples), len(learner.classes)))
    references = np.zeros_like(logits)
    curves = []
    for train, held_out in folds:
        learnt = learner.learn(train, held_out, seed=seed)
        logits[held_out], references[held_out] = learnt.logits, learnt.reference
        curves.append(learnt.curves)
    if outside.size:
        check_disjoint([samples[i] for i in own], [samples[i] for i in outside])
        learnt = learner.learn(own, outside, seed=seed)
        logits[outside], references[outside] = learnt.logits, learnt.reference
    raw = RawAnswers(learner.classes, logits, references, curves)
    return calibrated(raw, samples, folds, name=learner.name)


def calibrated(
    raw: RawAnswers, samples: Sequence[Sample], folds: list[Fold], *, name: str
) -> OutOfFold:
    """Turn logits into answers, each fold calibrated on the other folds.

    The figures of calibration and coverage are so measured on patients the calibration never saw.
    Images outside the folds are calibrated on all of them.
    """
    classes, logits = raw.classes, raw.logits
    own = np.sort(np.concatenate([held_out for _, held_out in folds]))
    outside = np.setdiff1d(np.arange(len(samples)), own)
    shipped = calibrate(classes, samples, logits, at=own)
    members = is_suspicious(classes)
    probabilities = np.zeros((len(samples), len(CATEGORIES)))
    suspicious = np.zeros(len(samples))
    sets: list[tuple[str, ...]] = [()] * len(samples)
    parts = [(calibrate(classes, samples, logits, at=others), fold) for others, fold in folds]
    for calibration, at in [*parts, (shipped, outside)]:
        shown = calibration.probabilities(logits[at])
        probabilities[at] = spread_over_categories(shown, classes)
        suspicious[at] = calibration.suspicious_probability(logits[at], members)
        for i, kept in zip(at, calibration.prediction_sets(logits[at]), strict=True):
            sets[i] = tuple(c for c, k in zip(classes, kept, strict=True) if k)
    return OutOfFold(
        classes, logits, raw.references, raw.curves, name, probabilities, suspicious, sets, shipped
    )


def fused(
    answers: OutOfFold, samples: Sequence[Sample], folds: list[Fold], *, other_weight: float
) -> OutOfFold:
    """Give every picture the answer of its breast in its exam, calibrated anew.

    See `fuse_logits`. All pictures of an exam lie in one fold, since their patient does.
    """
    of_breast: dict[Breast, list[int]] = {}
    for i, sample in enumerate(samples):
        of_breast.setdefault(sample.breast, []).append(i)
    logits = answers.logits.copy()
    for breast, at in of_breast.items():
        opposite = other_breast(breast)
        other = of_breast.get(opposite, []) if opposite else []
        logits[at] = fuse_logits(
            answers.logits[at],
            answers.logits[other],
            reference=answers.references[at[0]],
            other_weight=other_weight,
        )
    name = f"{answers.name}-exam" if other_weight else f"{answers.name}-views"
    raw = RawAnswers(answers.classes, logits, answers.references, answers.curves)
    return calibrated(raw, samples, folds, name=name)


def calibrate(
    classes: tuple[str, ...], samples: Sequence[Sample], logits: Floats, *, at: Indices
) -> Calibration:
    """Fit a calibration on the out-of-fold logits of the images at `at` that look like a class."""
    truth = labels_of(samples, classes)
    at = at[truth[at] >= 0]
    return fit_calibration(
        logits[at],
        truth[at],
        suspicious=is_suspicious(classes),
        coverage=COVERAGE,
        patients=np.array([samples[i].patient for i in at]),
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


def slices(
    samples: Sequence[Sample], answers: OutOfFold, *, appearance: tuple[str, ...]
) -> dict[str, dict[str, Scores | int]]:
    """Figures by density, view, device and source; the bare number of images where too few.

    Too few are fewer than `FEWEST_IN_A_SLICE` images, or no image on one side of the question
    whether a biopsy is due.
    """
    parts: dict[str, dict[str, Scores | int]] = {}
    for fact in ("density", "view", "device", "source"):
        parts[fact] = {}
        for value in sorted({str(getattr(sample, fact) or "not given") for sample in samples}):
            at = [i for i, s in enumerate(samples) if str(getattr(s, fact) or "not given") == value]
            at = [i for i in at if samples[i].category in CATEGORIES]
            biopsy = {samples[i].category >= SUSPICIOUS_FROM for i in at}
            parts[fact][value] = (
                score(
                    [samples[i] for i in at],
                    answers.probabilities[at],
                    answers.suspicious[at],
                    [answers.sets[i] for i in at],
                    appearance=appearance,
                )
                if len(at) >= FEWEST_IN_A_SLICE and len(biopsy) == 2
                else len(at)
            )
    return parts


def majority(samples: Sequence[Sample]) -> tuple[Floats, Floats]:
    """Probabilities and suspicion of always giving the most frequent category."""
    counts = np.bincount([CATEGORIES.index(s.category) for s in samples], minlength=5)
    answer = np.eye(len(CATEGORIES))[int(counts.argmax())]
    share = float(np.mean([s.category >= "4" for s in samples]))
    return np.tile(answer, (len(samples), 1)), np.full(len(samples), share)
