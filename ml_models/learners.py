"""The two models as things that learn from some images and give logits for others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import Weights, build_paper_cnn
from ml_models.categories import APPEARANCE_CLASSES, CATEGORIES, class_index
from ml_models.dataset import Sample, patient_folds
from ml_models.features import PAPER_SHAPE, TrainingInputs
from ml_models.fitting import Curves, Examples, FitSettings, class_weights, fit_model
from ml_models.metrics import confusion_counts, overall_figures

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

STRENGTHS = (1e-3, 3e-3, 1e-2)
"""Inverse regularisation strengths that inner folds choose from."""
INNER_FOLDS = 3
SOLVER_STEPS = 1000
NEVER_SEEN = -30.0
"""Bias of a class without a training image."""
PAPER_SETTINGS = FitSettings(
    epochs=20, learning_rate=1e-3, weight_decay=0.0, batch_size=32, balanced=False
)


@dataclass(frozen=True)
class Learnt:
    """Outcome of one training.

    Attributes
    ----------
    logits : (m, classes) float64 ndarray
        Of the images asked for.
    weights : dict of str to ndarray
        What training changed, under the names of `ml_models.architecture`.
    curves : dict of str to list of float
        Training and validation figures by epoch, or by the setting that was chosen.
    """

    logits: Floats
    weights: Weights
    curves: Curves


class Learner(Protocol):
    """A way to learn. `labels` are class indices, -1 for an image that is not learnt from."""

    name: str
    classes: tuple[str, ...]
    labels: Indices

    def learn(self, train: Indices, ask: Indices, *, seed: int) -> Learnt:
        """Train on the images at `train` that have a label; give logits for those at `ask`."""
        ...


def labels_of(samples: Sequence[Sample], classes: Sequence[str]) -> Indices:
    """(n,) class indices; -1 where the category is no class and looks like none."""
    return np.array([class_index(sample.category, classes) for sample in samples], np.int64)


class TransferLearner:
    """A balanced softmax regression on the frozen backbone's features.

    Inner folds by patient choose the regularisation by quadratic kappa, the measure that counts
    an error by how many categories it is off.
    """

    name = "birads"
    classes = APPEARANCE_CLASSES

    def __init__(
        self,
        samples: Sequence[Sample],
        inputs: TrainingInputs,
        *,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self._samples = samples
        self._features = inputs.features
        self.labels = labels_of(samples, self.classes)
        self.labels[[sample.category in without for sample in samples]] = -1
        self.labels[~inputs.assessable] = -1

    def learn(self, train: Indices, ask: Indices, *, seed: int) -> Learnt:
        """See `Learner.learn`; the curves are kappa by strength, on training and inner folds."""
        train = train[self.labels[train] >= 0]
        inner = patient_folds(
            [self._samples[i] for i in train], self.labels[train], folds=INNER_FOLDS, seed=seed
        )
        curves: Curves = {"inverse_strength": list(STRENGTHS), "kappa": [], "val_kappa": []}
        for strength in STRENGTHS:
            fits = [(train[a], train[b]) for a, b in inner]
            held_out = np.concatenate([b for _, b in fits])
            seen = np.concatenate([a for a, _ in fits])
            weights = [self._fit(a, strength) for a, _ in fits]
            logits = [self._logits(w, b) for w, (_, b) in zip(weights, fits, strict=True)]
            back = [self._logits(w, a) for w, (a, _) in zip(weights, fits, strict=True)]
            curves["val_kappa"].append(self._kappa(np.concatenate(logits), held_out))
            curves["kappa"].append(self._kappa(np.concatenate(back), seen))
        best = STRENGTHS[int(np.argmax(curves["val_kappa"]))]
        chosen = self._fit(train, best)
        return Learnt(self._logits(chosen, ask), chosen, curves)

    def _fit(self, train: Indices, strength: float) -> Weights:
        """Fit on standardised features, then fold the standardisation into the layer.

        There are fewer images than features, so the fit runs in the space the images span
        (singular vectors): the same solution, many times faster.
        """
        from sklearn.linear_model import LogisticRegression

        features = self._features[train].reshape(-1, self._features.shape[-1]).astype(np.float64)
        labels = np.repeat(self.labels[train], self._features.shape[1])
        mean, deviation = features.mean(axis=0), features.std(axis=0)
        deviation[deviation == 0] = 1.0
        left, singular, right = np.linalg.svd((features - mean) / deviation, full_matrices=False)
        model = LogisticRegression(C=strength, max_iter=SOLVER_STEPS)
        weights = class_weights(labels, classes=len(self.classes))[labels]
        model.fit(left * singular, labels, sample_weight=weights)
        slopes, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # then scikit-learn gives their difference
            slopes, intercepts = (
                np.concatenate([-half, half]) / 2 for half in (slopes, intercepts)
            )
        kernel = np.zeros((features.shape[1], len(self.classes)))
        bias = np.full(len(self.classes), NEVER_SEEN)
        kernel[:, model.classes_] = (slopes @ right / deviation).T
        bias[model.classes_] = intercepts - mean @ kernel[:, model.classes_]
        return {
            "logits/kernel": kernel.astype(np.float32),
            "logits/bias": bias.astype(np.float32),
        }

    def _logits(self, weights: Weights, ask: Indices) -> Floats:
        copies = self._features[ask] @ weights["logits/kernel"] + weights["logits/bias"]
        return np.asarray(copies.mean(axis=1), np.float64)

    def _kappa(self, logits: Floats, at: Indices) -> float:
        counts = confusion_counts(
            truth=self.labels[at],
            predicted=logits.argmax(axis=1),
            classes=len(self.classes),
            weights=np.ones((1, len(at))),
        )
        return float(overall_figures(counts)["quadratic_kappa"][0])


class PaperLearner:
    """The founding paper's network on whole pictures of 150 x 150, categories 2 to 6 as filed."""

    name = "paper-cnn"
    classes = CATEGORIES

    def __init__(
        self,
        samples: Sequence[Sample],
        inputs: TrainingInputs,
        *,
        settings: FitSettings = PAPER_SETTINGS,
    ) -> None:
        self._pictures = inputs.pictures
        self._settings = settings
        self.labels = labels_of(samples, self.classes)
        self.labels[[sample.category not in CATEGORIES for sample in samples]] = -1
        self.labels[~inputs.assessable] = -1

    def learn(self, train: Indices, ask: Indices, *, seed: int) -> Learnt:
        """See `Learner.learn`; the curves are loss and accuracy by epoch."""
        train = train[self.labels[train] >= 0]
        watched = ask[self.labels[ask] >= 0]
        fitted = fit_model(
            lambda: build_paper_cnn(PAPER_SHAPE, classes=len(self.classes)),
            self._examples(train),
            classes=len(self.classes),
            settings=self._settings,
            seed=seed,
            held_out=self._examples(watched) if watched.size else None,
        )
        logits = np.zeros((0, len(self.classes)))
        if ask.size:
            logits = fitted.logits(self._pictures[ask])
        return Learnt(logits, fitted.weights, fitted.curves)

    def _examples(self, at: Indices) -> Examples:
        return Examples(self._pictures[at], self.labels[at])
