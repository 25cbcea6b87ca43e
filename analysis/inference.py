"""The one loaded classifier of this process. Only its first answer loads OpenVINO."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_models.classifier import Classifier


@cache
def classifier() -> Classifier:
    """The active model, loaded and checked against its manifest at the first call."""
    from ml_models.classifier import Classifier  # noqa: PLC0415 -- OpenCV, workers only

    return Classifier.load()
