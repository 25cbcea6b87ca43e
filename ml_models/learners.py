"""The two models as things that learn from some images and give logits for others."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import Weights, build_paper_cnn
from ml_models.categories import APPEARANCE_CLASSES, CATEGORIES, class_index
from ml_models.dataset import Sample, patient_folds
from ml_models.features import PAPER_SHAPE, TrainingInputs
from ml_models.fitting import Curves, Examples, FitSettings, fit_model
from ml_models.heads import HeadFit

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

INNER_FOLDS = 3


@dataclass(frozen=True)
class Learnt:
    """Outcome of one training.

    Attributes
    ----------
    logits : (m, classes) float64 ndarray
        Of the images asked for.
    reference : (classes,) float64 ndarray
        Mean logits of the images learnt from: an average breast.
    weights : dict of str to ndarray
        What training changed, under the names of `ml_models.architecture`.
    curves : dict of str to list of float
        Training and validation figures by epoch, or by the setting that was chosen.
    """

    logits: Floats
    reference: Floats
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
    """A linear head on features of backbones that do not change.

    Parameters
    ----------
    samples : sequence of Sample
    features : (n, copies, features) float32 ndarray
        With more than one copy, all are learnt from and their logits averaged.
    assessable : (n,) bool ndarray
    head : callable
        Fits a head; see `ml_models.heads`.
    name : str
    classes : tuple of str
        In order of severity. Another set of classes is another head on the same backbone.
    without : set of str
        Categories that are not learnt from.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        features: NDArray[np.float32],
        assessable: NDArray[np.bool_],
        *,
        head: HeadFit,
        name: str = "birads",
        classes: tuple[str, ...] = APPEARANCE_CLASSES,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.name, self.classes = name, classes
        self._samples, self._features, self._head = samples, features, head
        self.labels = labels_of(samples, classes)
        self.labels[[sample.category in without for sample in samples]] = -1
        self.labels[~assessable] = -1

    def learn(self, train: Indices, ask: Indices, *, seed: int) -> Learnt:
        """See `Learner.learn`; the curves are those of the head's inner folds."""
        train = train[self.labels[train] >= 0]
        fold_labels = self.labels[train]
        inner = patient_folds(
            [self._samples[i] for i in train], fold_labels, folds=INNER_FOLDS, seed=seed
        )
        head, curves = self._head(self._features[train], fold_labels, len(self.classes), inner)
        return Learnt(
            logits=head.logits(self._features[ask]),
            reference=head.logits(self._features[train]).mean(axis=0),
            weights={"logits/kernel": head.kernel, "logits/bias": head.bias},
            curves=curves,
        )


class PaperLearner:
    """The founding paper's network on whole pictures of 150 x 150, categories 2 to 6 as filed."""

    name = "paper-cnn"
    classes = CATEGORIES

    def __init__(
        self,
        samples: Sequence[Sample],
        inputs: TrainingInputs,
        *,
        settings: FitSettings,
        cache: Path | None = None,
    ) -> None:
        self._cache = cache
        self._pictures = inputs.pictures
        self._settings = settings
        self.labels = labels_of(samples, self.classes)
        self.labels[[sample.category not in CATEGORIES for sample in samples]] = -1
        self.labels[~inputs.assessable] = -1

    def learn(self, train: Indices, ask: Indices, *, seed: int) -> Learnt:
        """See `Learner.learn`; the curves are loss and accuracy by epoch.

        With a `cache`, what has been learnt once from the same pictures is read from there.
        """
        train = train[self.labels[train] >= 0]
        if self._cache is None:
            return self._learn(train, ask, seed)
        parts = (self._pictures[train], self.labels[train], self._pictures[ask])
        digest = hashlib.sha256(f"{self._settings} {seed}".encode())
        for part in parts:
            digest.update(part.tobytes())
        path = self._cache / f"paper-{digest.hexdigest()[:16]}.npz"
        if not path.is_file():
            learnt = self._learn(train, ask, seed)
            np.savez(
                path,
                allow_pickle=False,
                logits=learnt.logits,
                reference=learnt.reference,
                curves=np.array(json.dumps(learnt.curves)),
                **learnt.weights,
            )
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return Learnt(
            logits=arrays.pop("logits"),
            reference=arrays.pop("reference"),
            curves=json.loads(str(arrays.pop("curves"))),
            weights=arrays,
        )

    def _learn(self, train: Indices, ask: Indices, seed: int) -> Learnt:
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
        reference = fitted.logits(self._pictures[train]).mean(axis=0)
        return Learnt(logits, reference, fitted.weights, fitted.curves)

    def _examples(self, at: Indices) -> Examples:
        return Examples(self._pictures[at], self.labels[at])
