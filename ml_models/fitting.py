"""Fit a small Keras model, the same way each time: same seed and data, same weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import Weights, read_weights
from ml_models.backend import tensorflow
from ml_models.dataset import one_hot

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float64]
Curves = dict[str, list[float]]
"""Figure by epoch: loss, accuracy and, with held-out data, val_loss and val_accuracy."""


@dataclass(frozen=True)
class FitSettings:
    """How a model is fitted.

    Attributes
    ----------
    epochs : int
        Passes over the data; with inner folds, the most that are tried.
    learning_rate, weight_decay : float
        Of Adam; the decay is decoupled.
    batch_size : int
    balanced : bool
        Weigh each image by the inverse frequency of its class.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    batch_size: int
    balanced: bool


PAPER_SETTINGS = FitSettings(
    epochs=20, learning_rate=1e-3, weight_decay=0.0, batch_size=32, balanced=False
)


@dataclass(frozen=True)
class Examples:
    """Network inputs (n, ...) float32 and their class indices (n,)."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """Weights after the last epoch, and the figures of every epoch."""

    weights: Weights
    curves: Curves
    model: "keras.Model"

    def logits(self, inputs: NDArray[np.float32]) -> Floats:
        """(n, ...) inputs to (n, classes) logits."""
        return np.asarray(self.model.predict(inputs, batch_size=64, verbose=0), np.float64)


def class_weights(labels: NDArray[np.int64], *, classes: int) -> Floats:
    """Inverse class frequencies that average 1 over the images; 0 for an absent class."""
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    weights = np.zeros(classes)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights


def fit_model(
    build: "Callable[[], keras.Model]",
    train: Examples,
    *,
    classes: int,
    settings: FitSettings,
    seed: int,
    held_out: Examples | None = None,
) -> Fitted:
    """Train a freshly built model with Adam on the cross-entropy of one-hot labels.

    Parameters
    ----------
    build : callable
        Makes the model; it must return logits.
    train : Examples
    classes : int
    settings : FitSettings
    seed : int
        Of the initial weights, the dropout and the order of the batches.
    held_out : Examples, optional
        Only watched: its loss and accuracy are noted after each epoch, weighted like `train`.

    Returns
    -------
    Fitted
    """
    tensorflow()
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = build()
    model.compile(
        optimizer=keras.optimizers.AdamW(
            settings.learning_rate, weight_decay=settings.weight_decay
        ),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
    )
    weights = (
        class_weights(train.labels, classes=classes) if settings.balanced else np.ones(classes)
    )

    def triple(examples: Examples) -> tuple[Any, Any, Any]:
        targets = one_hot(examples.labels, classes=classes)
        return examples.inputs, targets, weights[examples.labels].astype(np.float32)

    inputs, targets, sample_weights = triple(train)
    history = model.fit(
        inputs,
        targets,
        sample_weight=sample_weights,
        validation_data=None if held_out is None else triple(held_out),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        verbose=0,
    )
    curves = {name: [float(v) for v in values] for name, values in history.history.items()}
    return Fitted(weights=read_weights(model), curves=curves, model=model)
