"""``python -m ml_models.train --config ...``: train on all patients, register, write the card.

The figures in the manifests and in the card are those of cross-validation by patient (as
`ml_models.evaluate` prints them); the weights are then fitted on every patient of the sets that are
learnt from. A training that was stopped goes on where it was: what takes long is kept under
``--output``.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.imaging.versions import PREPARATION_VERSION
from ml_models.architecture import LITE0_CHANNELS, Weights
from ml_models.card import write_card
from ml_models.config import load_config
from ml_models.crossval import COVERAGE
from ml_models.dataset import data_manifest
from ml_models.errors import ModelError
from ml_models.evaluate import (
    TWO_ENDED,
    Evaluation,
    Training,
    argument_parser,
    evaluate,
    read_samples,
    start,
)
from ml_models.features import PAPER_SHAPE
from ml_models.fit_familiarity import fit_version
from ml_models.registry import Fusion, Manifest, save_version

RELEASES = {"birads": "birads-2", "paper-cnn": "paper-cnn-2"}
LICENCE = "Research use only, no clinical use."
APPEARANCE_EVIDENCE = (
    "Appearance in the pictures. Category 6 is biopsy-proven and comes from pathology on file, "
    "never from this model: a malignant appearance is 5, and 6 always gets probability 0."
)
PAPER_EVIDENCE = (
    "One picture as filed, background included. Category 6 is learnt as if it could be seen, as in "
    "the founding paper: kept to be measured against, not to be believed."
)


def train_and_register(
    training: Training, evaluation: Evaluation, *, folder: Path
) -> list[Manifest]:
    """Fit both models on all patients and save them as versions under `folder`."""
    config = training.config
    summary = data_manifest([training.samples[i] for i in training.own])
    del summary["files"]
    summary["sources"] = list(config.learn_from)
    common: dict[str, Any] = {
        "sha256": "",
        "preparation_version": PREPARATION_VERSION,
        "coverage": COVERAGE,
        "licence": LICENCE,
        "seed": config.seed,
        "data": summary,
    }
    manifests = []
    for learner in (training.paper(), training.birads()):
        name = learner.name
        learnt = learner.learn(training.own, training.own[:0], seed=config.seed)
        answers = evaluation.answers[name]
        manifest = Manifest(
            version=RELEASES[name],
            state="baseline",
            architecture="paper-cnn",
            input_shape=PAPER_SHAPE,
            classes=learner.classes,
            evidence=PAPER_EVIDENCE,
            calibration=answers.calibration,
            metrics={s: models[name].as_dict() for s, models in evaluation.scores.items()},
            **common,
        )
        weights = learnt.weights
        if name == "birads":
            exam = evaluation.answers["birads-exam"]
            manifest = replace(
                manifest,
                state="active",
                architecture="efficientnet-lite0-lesions",
                input_shape=TWO_ENDED.shape,
                evidence=APPEARANCE_EVIDENCE,
                fusion=Fusion(
                    other_weight=config.other_weight,
                    reference=tuple(float(v) for v in learnt.reference),
                    calibration=exam.calibration,
                ),
                metrics=manifest.metrics
                | {
                    f"{s}, exam": models[exam.name].as_dict()
                    for s, models in evaluation.scores.items()
                },
            )
            weights = _half(training.backbone) | weights
        manifests.append(save_version(manifest, weights, folder=folder))
    return manifests


def _half(backbone: Weights) -> Weights:
    """Kernels with half the digits: they were rounded to them before anything was learnt."""
    return {k: v.astype(np.float16) if v.ndim > 1 else v for k, v in backbone.items()}


def _familiarise(training: Training, manifest: Manifest, *, folder: Path) -> str:
    """Fit what the version is familiar with, on the features that are there already."""
    at = np.flatnonzero(training.inputs.assessable)
    features = training.inputs.features[TWO_ENDED][at, 0, :LITE0_CHANNELS]
    return fit_version([training.samples[i] for i in at], features, manifest, folder=folder)


def main() -> int:
    """Run the command; 0 when both versions and the card were written."""
    parser = argument_parser(__doc__ or "")
    parser.add_argument(
        "--weights",
        type=Path,
        help="where versions are registered; default OUTPUT/weights, so that no shipped version "
        "is replaced unasked",
    )
    parser.add_argument("--card", type=Path, help="where the card goes; default OUTPUT")
    arguments = parser.parse_args()
    output: Path = arguments.output
    try:
        samples, config = read_samples(arguments, load_config(arguments.config))
        training = start(samples, arguments.data, config, cache=output)
        evaluation = evaluate(training, output=output)
        print("Fitting on all patients ...", file=sys.stderr, flush=True)
        weights = arguments.weights or output / "weights"
        manifests = train_and_register(training, evaluation, folder=weights)
        print(_familiarise(training, manifests[-1], folder=weights), file=sys.stderr)
    except ModelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    write_card(arguments.card or output / "model-card.md", training, evaluation, manifests)
    print(evaluation.text, end="")
    for manifest in manifests:
        print(f"\n{manifest.version} ({manifest.state}), weights SHA-256 {manifest.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
