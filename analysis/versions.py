"""The versions a new analysis would carry; read without loading OpenCV or OpenVINO."""

from dataclasses import dataclass

from analysis.guideline import RULES_VERSION
from analysis.imaging.versions import DEFAULT_ALGORITHM, PREPARATION_VERSION
from analysis.releases import active_model
from ml_models.errors import ModelError


@dataclass(frozen=True)
class Versions:
    model: str
    preparation: str
    algorithm: str
    rules: str


NO_MODEL = "none"


def current_versions() -> Versions:
    """Without an active model the request still stands; its job says what is missing."""
    try:
        model = active_model().version
    except ModelError:
        model = NO_MODEL
    return Versions(
        model=model,
        preparation=PREPARATION_VERSION,
        algorithm=DEFAULT_ALGORITHM,
        rules=RULES_VERSION,
    )
