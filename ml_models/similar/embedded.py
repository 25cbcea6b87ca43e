"""Features of all research pictures, computed once and kept for build and measure."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.versions import PREPARATION_VERSION
from ml_models.architecture import LITE0_CHANNELS
from ml_models.classifier import Classifier
from ml_models.dataset import Sample, data_manifest
from ml_models.features import prepare_sample
from ml_models.similar.reference import Features


@dataclass(frozen=True)
class Embedded:
    """Pictures with their features, in one order.

    Attributes
    ----------
    samples : tuple of Sample
    features : (n, 2560) float32 ndarray
    assessable : (n,) bool ndarray
        False where the classifier gives no answer; features are 0 there.
    """

    samples: tuple[Sample, ...]
    features: Features
    assessable: NDArray[np.bool_]


def embed_samples(samples: list[Sample], model: Classifier, *, cache: Path) -> Embedded:
    """Embed every picture, or read what was embedded before of the same data and model."""
    named = f"{data_manifest(samples)['sha256']} {model.sha256} {PREPARATION_VERSION}"
    path = cache / f"embedded-{hashlib.sha256(named.encode()).hexdigest()[:16]}.npz"
    ordered = sorted(samples, key=lambda sample: sample.name)
    if not path.is_file():
        found = [model.explain(prepare_sample(sample)).features for sample in ordered]
        nothing = np.zeros(2 * LITE0_CHANNELS, np.float32)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            allow_pickle=False,
            features=np.stack([nothing if one is None else one for one in found]),
            assessable=np.array([one is not None for one in found]),
        )
    with np.load(path, allow_pickle=False) as stored:
        return Embedded(tuple(ordered), stored["features"], stored["assessable"])


def column_of(table: Path, column: str) -> dict[str, str]:
    """One column of a ``labels.csv`` by the name a `Sample` has."""
    with table.open(encoding="utf-8", newline="") as stream:
        return {f"{table.parent.name}/{row['file']}": row[column] for row in csv.DictReader(stream)}
