"""What a training is to do, read from a TOML file."""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ml_models.categories import APPEARANCE_CLASSES, CATEGORIES
from ml_models.errors import ModelError
from ml_models.fitting import PAPER_SETTINGS, FitSettings
from ml_models.pretraining import PatchSettings

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "birads.toml"


@dataclass(frozen=True)
class Config:
    """A training; ``configs/birads.toml`` says what the keys mean."""

    seed: int = 20
    learn_from: tuple[str, ...] = ("inbreast",)
    classes: tuple[str, ...] = APPEARANCE_CLASSES
    without: frozenset[str] = frozenset()
    other_weight: float = 0.3
    lesions: PatchSettings = field(default_factory=PatchSettings)
    paper: FitSettings = PAPER_SETTINGS


def load_config(path: Path) -> Config:
    """Read a configuration.

    Raises
    ------
    ModelError
        ``invalid_config`` for a file that is not there, is no TOML, or says what cannot be.
    """
    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
        stored["lesions"] = PatchSettings(**stored.get("lesions", {}))
        stored["paper"] = FitSettings(**asdict(PAPER_SETTINGS) | stored.get("paper", {}))
        for key, kind in (("learn_from", tuple), ("classes", tuple), ("without", frozenset)):
            if key in stored:
                stored[key] = kind(stored[key])
        config = Config(**stored)
    except (OSError, TypeError, ValueError) as error:
        raise ModelError(f"{path.name} is no configuration: {error}.", code="invalid_config") from (
            error
        )
    if list(config.classes) != [c for c in CATEGORIES if c in config.classes]:
        raise ModelError(
            f"Classes should be some of {', '.join(CATEGORIES)}, in that order, once each.",
            code="invalid_config",
        )
    return config
