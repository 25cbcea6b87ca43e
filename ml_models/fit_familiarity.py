"""``python -m ml_models.fit_familiarity VERSION``: what pictures a version is familiar with.

Reads the training pictures, passes each through the version's own network, fits their
distribution and writes it beside the weights, with the threshold in the manifest. Run it after
training; the share of held-out pictures beyond the threshold is printed and kept.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import LITE0_CHANNELS
from ml_models.classifier import appearance, network_input
from ml_models.dataset import Sample, patient_folds
from ml_models.errors import ModelError
from ml_models.familiarity import fit_with_threshold
from ml_models.features import prepare_sample
from ml_models.head import pooled
from ml_models.readers import read_research_data, research_data_folder
from ml_models.registry import (
    WEIGHTS_FOLDER,
    Manifest,
    load_manifest,
    load_weights,
    save_familiarity,
)
from ml_models.runtime import Network, backbone_graph

FOLDS = 5
SEED = 20


def appearances(
    samples: list[Sample], manifest: Manifest, *, folder: Path
) -> tuple[list[Sample], NDArray[np.float32]]:
    """Return the assessable samples and their (n, channels) features."""
    from rich.console import Console
    from rich.progress import track

    backbone = Network(backbone_graph(load_weights(manifest, folder=folder), manifest.input_shape))
    kept, features = [], np.zeros((0, LITE0_CHANNELS), np.float32)
    for sample in track(samples, description="Features", console=Console(stderr=True)):
        prepared = prepare_sample(sample)
        if prepared.assessable:
            kept.append(sample)
            maps = backbone(network_input(prepared, manifest))
            features = np.concatenate([features, appearance(pooled(maps))])
    return kept, features


def fit_version(
    samples: list[Sample], features: NDArray[np.float32], manifest: Manifest, *, folder: Path
) -> str:
    """Fit, write beside the weights, and return a sentence on what was measured."""
    folds = patient_folds(samples, np.zeros(len(samples), np.int64), folds=FOLDS, seed=SEED)
    fitted, distances = fit_with_threshold(features, folds)
    refused = float((distances > fitted.threshold).mean())
    save_familiarity(manifest, fitted, held_out_refused=refused, folder=folder)
    patients = len({sample.patient for sample in samples})
    median, high = np.percentile(distances, (50, 99))
    return (
        f"{manifest.version}: {len(samples)} pictures of {patients} patients, held out by patient: "
        f"median distance {median:.2f}, 99th percentile {high:.2f}, largest {distances.max():.2f}; "
        f"threshold {fitted.threshold:.2f}, share beyond it {refused:.3f}"
    )


def main() -> int:
    """Run the command; 0 when the fit was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--data", type=Path, default=research_data_folder())
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FOLDER)
    given = parser.parse_args()
    try:
        manifest = load_manifest(given.version, folder=given.weights)
        samples, features = appearances(
            read_research_data(given.data), manifest, folder=given.weights
        )
        print(fit_version(samples, features, manifest, folder=given.weights))
    except ModelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
