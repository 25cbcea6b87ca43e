"""The one loaded classifier of this process. Only its first answer loads OpenVINO."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_models.classifier import Classifier


@lru_cache(maxsize=1)
def classifier(version: str | None = None) -> Classifier:
    """A model version, checked against its manifest at its first answer; the one before goes.

    Without a version it is what the release ships active: commands on files know no database.
    """
    from ml_models.classifier import Classifier  # noqa: PLC0415 -- OpenCV, workers only

    return Classifier.load(version)
