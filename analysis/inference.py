"""The one loaded classifier of this process. Only calling it loads TensorFlow."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_models.classifier import Classifier


@cache
def classifier() -> Classifier:
    """The active model, loaded and checked against its manifest at the first call."""
    from ml_models.classifier import Classifier  # noqa: PLC0415 -- TensorFlow, workers only

    return Classifier.load()
