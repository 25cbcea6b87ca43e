"""Classify prepared mammograms with a registered model version."""

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from ml_models.architecture import build_paper_cnn, build_transfer_classifier, write_weights
from ml_models.backend import tensorflow
from ml_models.categories import CATEGORIES, is_suspicious, spread_over_categories
from ml_models.inputs import fit_to_canvas, squeeze_to_canvas
from ml_models.registry import (
    WEIGHTS_FOLDER,
    Manifest,
    active_manifest,
    load_manifest,
    load_weights,
)


@dataclass(frozen=True)
class Classification:
    """What one model version says about one picture.

    Attributes
    ----------
    assessable : bool
    reasons : tuple of str
        Why not, as the preparation found it.
    model_version : str
    probabilities : dict of str to float
        '2' to '6', summing to 1; empty when not assessable. They rest on appearance alone, so a
        model that merges 6 into 5 always gives '6' 0: a malignant appearance is '5', and 6 comes
        from pathology on file (`ml_models.categories.combine_with_pathology`). They hold at the
        frequencies of the training data.
    category : str or None
        The most probable one.
    abstained : bool
        True when the prediction set rules nothing out, or everything: `category` is then no
        answer to act on.
    prediction_set : tuple of str
        Categories that cannot be ruled out (conformal, by class).
    suspicious_probability : float or None
        Calibrated probability that the category is 4 or higher, at the frequencies of the
        training data.
    """

    assessable: bool
    reasons: tuple[str, ...]
    model_version: str
    probabilities: dict[str, float]
    category: str | None
    abstained: bool
    prediction_set: tuple[str, ...]
    suspicious_probability: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, tuples as lists: ready for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


class Classifier:
    """A model version that answers; thread-safe, loads its network on first use."""

    def __init__(self, manifest: Manifest, *, folder: Path = WEIGHTS_FOLDER) -> None:
        self._manifest = manifest
        self._folder = folder
        self._lock = threading.Lock()
        self._forward: Any = None

    @classmethod
    def load(cls, version: str | None = None, *, folder: Path = WEIGHTS_FOLDER) -> "Classifier":
        """Take a version by name, or the active one.

        Raises
        ------
        ModelError
            As `registry.active_manifest` and `registry.load_manifest`.
        """
        manifest = (
            active_manifest(folder) if version is None else load_manifest(version, folder=folder)
        )
        return cls(manifest, folder=folder)

    @property
    def version(self) -> str:
        """Name of the model version."""
        return self._manifest.version

    @property
    def sha256(self) -> str:
        """SHA-256 of its weights."""
        return self._manifest.sha256

    def classify(self, prepared: PreparedBreast) -> Classification:
        """Classify one picture; see `classify_many`."""
        return self.classify_many([prepared])[0]

    def classify_many(self, prepared: Sequence[PreparedBreast]) -> list[Classification]:
        """Classify pictures, one answer each, in order.

        Parameters
        ----------
        prepared : sequence of PreparedBreast
            One that is not assessable passes through with its reasons; the network never sees it.

        Raises
        ------
        ModelError
            ``weights_missing``, ``hash_mismatch`` or ``weights_incomplete``, when the network is
            loaded on first use.
        """
        return [
            self._answer(self.logits(one)) if one.assessable else self._not_assessable(one)
            for one in prepared
        ]

    def logits(self, prepared: PreparedBreast) -> NDArray[np.float64]:
        """Logits of the network, (classes,), averaged over the crop and its mirror image."""
        with self._lock:
            if self._forward is None:
                self._forward = load_forward(self._manifest, folder=self._folder)
        batch = network_input(prepared, self._manifest)
        copies = np.asarray(self._forward(batch), np.float64)
        return np.asarray(copies.mean(axis=0))

    def _answer(self, logits: NDArray[np.float64]) -> Classification:
        classes, calibration = self._manifest.classes, self._manifest.calibration
        row = logits[None]
        spread = spread_over_categories(calibration.probabilities(row), classes)[0]
        members = [
            c for c, kept in zip(classes, calibration.prediction_sets(row)[0], strict=True) if kept
        ]
        suspicious = calibration.suspicious_probability(row, is_suspicious(classes))[0]
        return Classification(
            assessable=True,
            reasons=(),
            model_version=self.version,
            probabilities={c: float(p) for c, p in zip(CATEGORIES, spread, strict=True)},
            category=CATEGORIES[int(spread.argmax())],
            abstained=len(members) in (0, len(classes)),
            prediction_set=tuple(members),
            suspicious_probability=float(suspicious),
        )

    def _not_assessable(self, prepared: PreparedBreast) -> Classification:
        return Classification(
            assessable=False,
            reasons=prepared.reasons,
            model_version=self.version,
            probabilities={},
            category=None,
            abstained=True,
            prediction_set=(),
            suspicious_probability=None,
        )


def network_input(prepared: PreparedBreast, manifest: Manifest) -> NDArray[np.float32]:
    """The batch a version wants for one picture, (copies, rows, cols, 1) float32 in [0, 1].

    The transfer model gets the breast and its mirror image, left to right: the breast of the other
    side. Upside down, which swaps the inner and outer half, is not used.
    """
    if manifest.architecture == "paper-cnn":
        return squeeze_to_canvas(prepared.source, manifest.input_shape)[None, ..., None]
    canvas = fit_to_canvas(prepared.crop, manifest.input_shape)
    return np.stack([canvas, canvas[:, ::-1]])[..., None]


def load_forward(manifest: Manifest, *, folder: Path) -> Any:
    """Build and fill a version's network; return its compiled forward pass of fixed input shape."""
    weights = load_weights(manifest, folder=folder)
    tf = tensorflow()
    classes = len(manifest.classes)
    if manifest.architecture == "paper-cnn":
        model, copies = build_paper_cnn(manifest.input_shape, classes=classes), 1
    else:
        model, copies = build_transfer_classifier(manifest.input_shape, classes=classes), 2
    write_weights(model, weights)
    signature = [tf.TensorSpec((copies, *manifest.input_shape, 1), tf.float32)]
    return tf.function(
        lambda batch: model(batch, training=False), input_signature=signature, autograph=False
    )
