"""Fit the rule set of ``registered-change-2`` on the simulator's calibration patients.

    python -m benchmarks.fit_change

Writes ``analysis/imaging/calibration/registered-change-2.json``. Thresholds are read from
probabilities of models that were fitted without the patient in question.

Without a mark, how much a falling similarity counts is fitted on the real follow-up pairs: the
simulator's severities vary more than real exams of one clinic do.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from analysis.imaging import attention, marked_change
from analysis.imaging.calibration import FOLDER
from analysis.imaging.change_rules import UNMARKED_FEATURES, LogisticModel, unmarked_features
from analysis.imaging.versions import CHANGE_ALGORITHM
from benchmarks.measured_pairs import MeasuredPair, measure_all
from benchmarks.real_follow_ups import measured_similarities, similarity_slope
from benchmarks.research_films import follow_up_pairs
from benchmarks.simulated_pairs import recipes

ROUNDS = 2
"""Simulated follow-ups of each film and scenario."""
FOLDS = 6
REFITS = 40
SEED = 20250101
REGULARISATION = 0.3
"""Inverse strength (scikit-learn's C) on standardised features."""
FALSE_ALARMS = 0.04
"""Share of unchanged pairs above the threshold; the aim on new patients is 5 %."""
DIRECTION_SHARE = 0.7
CONTRADICTING_LOG_SIZE = 0.2

Matrix = NDArray[np.float64]
Labels = NDArray[np.int_]
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
    fit: Callable[[NDArray[np.int_]], Callable[[NDArray[np.int_]], Matrix]],
    patients: Patients,
) -> Matrix:
    """Predict every case by a model fitted without its patient."""
    predicted: list[tuple[NDArray[np.int_], Matrix]] = []
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for inside, outside in folds.split(patients, groups=patients):
        predicted.append((outside, fit(inside)(outside)))
    order = np.argsort(np.concatenate([index for index, _ in predicted]))
    return np.concatenate([values for _, values in predicted])[order]


def threshold(probabilities: Matrix, changed: NDArray[np.bool_]) -> float:
    """Return the probability that unchanged pairs rarely reach."""
    return float(np.quantile(probabilities[~changed], 1 - FALSE_ALARMS, method="higher"))


def fit_rules(pairs: list[MeasuredPair], *, similarity_slope: float) -> dict[str, object]:
    """Fit all models and thresholds; nothing in the result identifies a film or a patient."""
    marked, marked_threshold, marked_n = _fit_marked([p for p in pairs if p.marked is not None])
    candidate, unmarked, unmarked_threshold = _fit_unmarked(pairs, similarity_slope)
    return {
        "algorithm": CHANGE_ALGORITHM,
        "fitted_on": {
            "pairs": "simulated follow-ups of INbreast films, calibration patients",
            "n": len(pairs),
            "n_marked": marked_n,
            "patients": len({pair.patient for pair in pairs}),
            "regularisation_c": REGULARISATION,
            "false_alarms": FALSE_ALARMS,
            "odds": "change and no change equally likely",
            "similarity_slope_from": "INbreast follow-up pairs, changed: the category differs",
        },
        "thresholds": {
            "marked_threshold": marked_threshold,
            "unmarked_threshold": unmarked_threshold,
            "direction_share": DIRECTION_SHARE,
            "contradicting_log_size": CONTRADICTING_LOG_SIZE,
        },
        "models": {
            name: _stored(model)
            for name, model in (
                ("marked", marked),
                ("candidate", candidate),
                ("unmarked", unmarked),
            )
        },
    }


def _fit_marked(pairs: list[MeasuredPair]) -> tuple[LogisticModel, float, int]:
    first = np.array([pair.marked[0] for pair in pairs])
    directions = np.array([pair.direction for pair in pairs])
    patients = np.array([pair.patient for pair in pairs])

    def fit(index: NDArray[np.int_], refits: int = 0) -> LogisticModel:
        return fit_model(
            first[index],
            directions[index],
            patients[index],
            features=marked_change.FEATURES,
            degree=2,
            refits=refits,
        )

    def fold(inside: NDArray[np.int_]) -> Callable[[NDArray[np.int_]], Matrix]:
        model = fit(inside)
        return lambda outside: np.array(
            [1 - np.median(model.probabilities(pairs[at].marked)[0], axis=0)[1] for at in outside]
        )

    probabilities = left_out(fold, patients)
    everything = np.arange(len(pairs))
    return fit(everything, REFITS), threshold(probabilities, directions != 0), len(pairs)


def _fit_unmarked(
    pairs: list[MeasuredPair], similarity_slope: float
) -> tuple[LogisticModel, LogisticModel, float]:
    """Candidates first; the whole breast by candidates' scores of models that never saw it."""
    changed = np.array([pair.direction != 0 for pair in pairs])
    patients = np.array([pair.patient for pair in pairs])

    def fit_candidates(index: NDArray[np.int_]) -> LogisticModel:
        used = [pairs[at] for at in index if len(pairs[at].candidates)]
        return fit_model(
            np.concatenate([pair.candidates for pair in used]),
            np.concatenate([pair.candidate_hits for pair in used]).astype(int),
            np.concatenate([np.repeat(pair.patient, len(pair.candidates)) for pair in used]),
            features=attention.FEATURES,
            degree=2,
            refits=0,
        )

    def fold(inside: NDArray[np.int_]) -> Callable[[NDArray[np.int_]], Matrix]:
        model = fit_candidates(inside)
        return lambda outside: np.array([_likeliest(model, pairs[at]) for at in outside])

    likeliest = left_out(fold, patients)
    whole = np.array(
        [
            unmarked_features(each, ssim=pair.headline)
            for each, pair in zip(likeliest, pairs, strict=True)
        ]
    )

    def fit_whole(index: NDArray[np.int_], refits: int = 0) -> LogisticModel:
        candidates_alone = fit_model(
            whole[index, :1],
            changed[index].astype(int),
            patients[index],
            features=UNMARKED_FEATURES[:1],
            degree=1,
            refits=refits,
        )
        return with_similarity(candidates_alone, whole[index, 1], similarity_slope)

    def whole_fold(inside: NDArray[np.int_]) -> Callable[[NDArray[np.int_]], Matrix]:
        model = fit_whole(inside)
        return lambda outside: model.probabilities(whole[outside])[0, :, 1]

    everything = np.arange(len(pairs))
    return (
        fit_candidates(everything),
        fit_whole(everything, REFITS),
        threshold(left_out(whole_fold, patients), changed),
    )


def with_similarity(
    candidates_alone: LogisticModel, ssim: NDArray[np.float64], slope: float
) -> LogisticModel:
    """Add the similarity to the log odds, neutral at its median over ``ssim``."""
    weights = candidates_alone.weights
    added = np.zeros((*weights.shape[:2], 1))
    added[:, 1] = slope
    return LogisticModel(
        UNMARKED_FEATURES,
        1,
        np.append(candidates_alone.centre, np.median(ssim)),
        np.append(candidates_alone.spread, 1.0),
        np.concatenate([weights, added], axis=-1),
    )


def _likeliest(model: LogisticModel, pair: MeasuredPair) -> float:
    if len(pair.candidates) == 0:
        return 0.0
    return float(model.probabilities(pair.candidates)[0, :, 1].max())


def _stored(model: LogisticModel) -> dict[str, object]:
    return {
        "features": list(model.features),
        "degree": model.degree,
        "centre": model.centre.round(6).tolist(),
        "spread": model.spread.round(6).tolist(),
        "weights": model.weights.round(5).tolist(),
    }


def as_text(rules: dict[str, object]) -> str:
    """Return JSON with each row of numbers on one line."""
    text = json.dumps(rules, indent=1) + "\n"
    return re.sub(r"\[([-\d.,e\s]+)\]", lambda row: f"[{' '.join(row[1].split())}]", text)


def main() -> None:
    cv2.setNumThreads(1)
    follow_ups = measured_similarities(follow_up_pairs())
    slope = similarity_slope(
        np.array([ssim for _, ssim in follow_ups]),
        np.array([pair.changed for pair, _ in follow_ups]),
    )
    measured = measure_all(recipes("calibration", rounds=ROUNDS))
    registered = [pair for pair in measured if pair.registered]
    rules = fit_rules(registered, similarity_slope=slope)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{CHANGE_ALGORITHM}.json"
    path.write_text(as_text(rules), encoding="utf-8")
    print(json.dumps({key: rules[key] for key in ("fitted_on", "thresholds")}, indent=2))


if __name__ == "__main__":
    main()
