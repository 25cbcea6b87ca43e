"""The pictures kept beside a comparison or a prediction, and those of the reference set."""

import json
from pathlib import Path

from analysis.models import Comparison, Prediction
from mammotrack.errors import NotFound
from ml_models.similar.reference import reference_set
from scans.services import object_store

PROCESSING_VIEWS = ("grayscale", "denoised", "edges", "threshold")
HEAT_MAP = "heat_map.png"
CORRESPONDENCE = "correspondence.f32"
PICTURE_KEYS = ((Comparison, "pictures_key"), (Prediction, "heat_map_key"))  # kept beside what
LESION_PICTURES = ("lesion_prior", "lesion_current")
PICTURES = frozenset(
    {"prior", "aligned_prior", "current", "ssim_map", *LESION_PICTURES, *PROCESSING_VIEWS}
)


def picture_path(comparison: Comparison | None, name: str) -> Path:
    """Where the named picture lies, or ``NotFound``."""
    if comparison is None or not comparison.pictures_key or name not in PICTURES:
        raise NotFound("There is no such picture.")
    return object_store().derived_path(comparison.pictures_key, f"{name}.png")


def correspondence_path(comparison: Comparison | None) -> Path:
    """Where the grid of a registered pair lies, or ``NotFound``."""
    if comparison is None or not comparison.pictures_key:
        raise NotFound("The pictures are not registered.")
    return object_store().derived_path(comparison.pictures_key, CORRESPONDENCE)


def is_registered(comparison: Comparison | None) -> bool:
    """Whether the prior can be laid on the current picture at full depth."""
    if comparison is None or not comparison.pictures_key:
        return False
    return correspondence_path(comparison).exists()


def reference_picture_path(case: str) -> Path:
    """Where the picture of a reference case lies, or ``NotFound``."""
    path = reference_set().picture_path(case)
    if path is None:
        raise NotFound("There is no such picture.")
    return path


def heat_map_path(prediction: Prediction | None) -> Path:
    """Where the heat map of a prediction lies, or ``NotFound``."""
    if prediction is None or not prediction.heat_map_key:
        raise NotFound("There is no such picture.")
    return object_store().derived_path(prediction.heat_map_key, HEAT_MAP)


def kept_pictures(comparison: Comparison | None) -> frozenset[str]:
    """The names of the pictures that were made: a failed registration leaves some out."""
    if comparison is None or not comparison.pictures_key:
        return frozenset()
    return frozenset(name for name in PICTURES if picture_path(comparison, name).exists())


def histogram_of(comparison: Comparison | None) -> list[int]:
    """Pixels a gray level of the current picture, 256 counts; empty where there are none."""
    if comparison is None or not comparison.pictures_key:
        return []
    path = object_store().derived_path(comparison.pictures_key, "histogram.json")
    return json.loads(path.read_bytes())["counts"] if path.exists() else []
