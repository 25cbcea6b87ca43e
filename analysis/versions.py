"""The versions a new analysis would carry; read without loading OpenCV or TensorFlow."""

from dataclasses import dataclass

from analysis.guideline import RULES_VERSION
from analysis.imaging.versions import DEFAULT_ALGORITHM, PREPARATION_VERSION


@dataclass(frozen=True)
class Versions:
    model: str
    preparation: str
    algorithm: str
    rules: str


def current_versions() -> Versions:
    from ml_models import registry

    return Versions(
        model=registry.active_version(),
        preparation=PREPARATION_VERSION,
        algorithm=DEFAULT_ALGORITHM,
        rules=RULES_VERSION,
    )
