"""Training inputs: every picture prepared and, for the transfer model, seen once by the backbone.

The backbone is frozen, so its features are computed once and kept in a file named by what they
depend on: data, preparation, backbone weights and input size.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.decode import load_pixels
from analysis.imaging.versions import PREPARATION_VERSION
from ml_models.architecture import build_feature_extractor, write_weights
from ml_models.backend import tensorflow
from ml_models.dataset import Sample, data_manifest
from ml_models.inputs import fit_to_canvas, squeeze_to_canvas
from ml_models.pretrained import IMAGENET_SHA256, imagenet_weights

TRANSFER_SHAPE = (1024, 576)
PAPER_SHAPE = (150, 150)


@dataclass(frozen=True)
class TrainingInputs:
    """What the two models are trained on, in the order of the samples.

    Attributes
    ----------
    assessable : (n,) bool ndarray
        False where the preparation refused a picture: it is neither trained on nor scored.
    features : (n, 2, 2560) float32 ndarray
        Of the breast and of its mirror image.
    pictures : (n, 150, 150, 1) float32 ndarray
        Whole pictures for the paper's network.
    """

    assessable: NDArray[np.bool_]
    features: NDArray[np.float32]
    pictures: NDArray[np.float32]


def prepare_sample(sample: Sample) -> PreparedBreast:
    """Prepare a sample's picture as serving does."""
    return prepare_breast(
        load_pixels(sample.path),
        spacing_mm=sample.spacing_mm,
        laterality=sample.laterality,
        view=sample.view,
    )


def training_inputs(samples: Sequence[Sample], *, cache: Path) -> TrainingInputs:
    """Compute the inputs of all samples, or read them from `cache` if nothing changed.

    Parameters
    ----------
    samples : sequence of Sample
    cache : Path
        Folder; about 10 MB are written for 400 pictures.
    """
    names = "\n".join(sample.name for sample in samples)
    key = hashlib.sha256(
        f"{data_manifest(samples)['sha256']} {names} {PREPARATION_VERSION} {IMAGENET_SHA256} "
        f"{TRANSFER_SHAPE} {PAPER_SHAPE}".encode()
    ).hexdigest()[:16]
    path = cache / f"inputs-{key}.npz"
    if not path.is_file():
        inputs = _compute(samples)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **vars(inputs))
    with np.load(path, allow_pickle=False) as stored:
        return TrainingInputs(**{name: stored[name] for name in stored.files})


def _compute(samples: Sequence[Sample]) -> TrainingInputs:
    from rich.console import Console
    from rich.progress import track

    tf = tensorflow()
    extractor = build_feature_extractor(TRANSFER_SHAPE)
    write_weights(extractor, imagenet_weights())
    forward = tf.function(
        lambda batch: extractor(batch, training=False),
        input_signature=[tf.TensorSpec((2, *TRANSFER_SHAPE, 1), tf.float32)],
        autograph=False,
    )
    assessable, features, pictures = [], [], []
    progress = track(samples, description="Features", console=Console(stderr=True))
    for sample in progress:
        prepared = prepare_sample(sample)
        canvas = fit_to_canvas(prepared.crop, TRANSFER_SHAPE)
        assessable.append(prepared.assessable)
        features.append(np.asarray(forward(np.stack([canvas, canvas[:, ::-1]])[..., None])))
        pictures.append(squeeze_to_canvas(prepared.source, PAPER_SHAPE)[..., None])
    return TrainingInputs(np.array(assessable), np.array(features), np.array(pictures))
