"""Training inputs: every picture prepared, and seen once by each backbone.

No backbone changes while a head learns, so its features are computed once and kept in a file named
by what they depend on: data, preparation, weights, input size.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.decode import load_pixels
from analysis.imaging.versions import PREPARATION_VERSION
from ml_models.architecture import Weights
from ml_models.dataset import Sample, data_manifest
from ml_models.head import POOLING_VERSION, pooled
from ml_models.inputs import fit_to_canvas, squeeze_to_canvas
from ml_models.runtime import Network, backbone_graph

TRANSFER_SHAPE = (1024, 576)
PAPER_SHAPE = (150, 150)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureSet:
    """One way to turn a picture into numbers: backbone weights by name, and the input's size."""

    backbone: str
    shape: tuple[int, int] = TRANSFER_SHAPE


@dataclass(frozen=True)
class TrainingInputs:
    """What the models are trained on, in the order of the samples.

    Attributes
    ----------
    assessable : (n,) bool ndarray
        False where the preparation refused a picture: it is neither trained on nor scored.
    features : mapping of FeatureSet to (n, 2, features) float32 ndarray
        `head.pooled` of the breast and of its mirror image, as serving computes them.
    pictures : (n, 150, 150, 1) float32 ndarray
        Whole pictures for the paper's network.
    """

    assessable: NDArray[np.bool_]
    features: Mapping[FeatureSet, Floats]
    pictures: Floats


def prepare_sample(sample: Sample) -> PreparedBreast:
    """Prepare a sample's picture as serving does."""
    return prepare_breast(
        load_pixels(sample.path),
        spacing_mm=sample.spacing_mm,
        laterality=sample.laterality,
        view=sample.view,
    )


def training_inputs(
    samples: Sequence[Sample],
    sets: Sequence[FeatureSet],
    backbones: Mapping[str, Weights],
    *,
    cache: Path,
) -> TrainingInputs:
    """Compute the inputs of all samples, or read them from `cache` where nothing changed.

    Parameters
    ----------
    samples : sequence of Sample
    sets : sequence of FeatureSet
    backbones : mapping of str to weights
        By the name the sets give them.
    cache : Path
        Folder; about 10 MB a set are written for 400 pictures.
    """
    cache.mkdir(parents=True, exist_ok=True)
    names = "\n".join(sample.name for sample in samples)
    data = f"{data_manifest(samples)['sha256']} {names} {PREPARATION_VERSION} {POOLING_VERSION}"
    plain = cache / f"pictures-{_short(f'{data} {PAPER_SHAPE}'.encode())}.npz"
    keys = {w: _short(f"{data} {w}".encode(), backbones[w.backbone]) for w in sets}
    paths = {wanted: cache / f"features-{key}.npy" for wanted, key in keys.items()}
    missing = [wanted for wanted, path in paths.items() if not path.is_file()]
    if missing or not plain.is_file():
        _compute(samples, {w: paths[w] for w in missing}, backbones, plain)
    with np.load(plain, allow_pickle=False) as stored:
        assessable, pictures = stored["assessable"], stored["pictures"]
    features = {wanted: np.load(path, allow_pickle=False) for wanted, path in paths.items()}
    return TrainingInputs(assessable, features, pictures)


def _compute(
    samples: Sequence[Sample],
    paths: Mapping[FeatureSet, Path],
    backbones: Mapping[str, Weights],
    plain: Path,
) -> None:
    from rich.console import Console
    from rich.progress import track

    networks = {
        wanted: Network(backbone_graph(backbones[wanted.backbone], wanted.shape))
        for wanted in paths
    }
    features: dict[FeatureSet, list[Floats]] = {wanted: [] for wanted in paths}
    assessable, pictures = [], []
    for sample in track(samples, description="Features", console=Console(stderr=True)):
        prepared = prepare_sample(sample)
        assessable.append(prepared.assessable)
        pictures.append(squeeze_to_canvas(prepared.source, PAPER_SHAPE)[..., None])
        for wanted in paths:
            canvas = fit_to_canvas(prepared.crop, wanted.shape)
            both = np.stack([canvas, canvas[:, ::-1]])
            features[wanted].append(pooled(networks[wanted](both)))
    for wanted, path in paths.items():
        np.save(path, np.array(features[wanted]), allow_pickle=False)
    stored = {"assessable": np.array(assessable), "pictures": np.array(pictures)}
    np.savez(plain, allow_pickle=False, **stored)


def _short(text: bytes, weights: Weights | None = None) -> str:
    digest = hashlib.sha256(text)
    for name in sorted(weights or {}):
        digest.update(name.encode() + (weights or {})[name].tobytes())
    return digest.hexdigest()[:16]
