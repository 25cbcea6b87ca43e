"""``python -m ml_models.train``: train both models on all patients and register them.

The figures in the manifests are those of cross-validation by patient (as `ml_models.evaluate`
prints them); the weights are then fitted on every patient. Files of the run go to ``--output``,
model versions to ``--weights``.
"""

import sys
from pathlib import Path

import numpy as np

from analysis.imaging.versions import PREPARATION_VERSION
from ml_models.architecture import Weights
from ml_models.crossval import COVERAGE
from ml_models.dataset import data_manifest
from ml_models.errors import ModelError
from ml_models.evaluate import Evaluation, argument_parser, evaluate, read_samples
from ml_models.features import PAPER_SHAPE, TRANSFER_SHAPE, training_inputs
from ml_models.learners import Learner, PaperLearner, TransferLearner
from ml_models.pretrained import imagenet_weights
from ml_models.registry import Manifest, save_version

RELEASE = 1
LICENCE = "Research use only, no clinical use."
APPEARANCE_EVIDENCE = (
    "Appearance in one picture. Category 6 is biopsy-proven and comes from pathology on file, "
    "never from this model: a malignant appearance is 5, and 6 always gets probability 0."
)
PAPER_EVIDENCE = (
    "One picture as filed, background included. Category 6 is learnt as if it could be seen, as in "
    "the founding paper: kept to be measured against, not to be believed."
)


def train_and_register(
    learners: dict[str, Learner],
    evaluation: Evaluation,
    *,
    data: dict[str, object],
    seed: int,
    folder: Path,
) -> list[Manifest]:
    """Fit each learner on all patients and save it as a version under `folder`.

    Parameters
    ----------
    learners : dict of str to Learner
        By state: 'active' and 'baseline'.
    evaluation : Evaluation
        Of the same learners.
    data : dict
        What the manifests say of the data.
    seed : int
    folder : Path
    """
    manifests = []
    for state, learner in learners.items():
        transfer = isinstance(learner, TransferLearner)
        everything = np.arange(len(learner.labels))
        weights: Weights = learner.learn(everything, everything[:0], seed=seed).weights
        if transfer:
            backbone = imagenet_weights()
            weights = {k: v for k, v in backbone.items() if not k.startswith("fc/")} | weights
        manifest = Manifest(
            version=f"{learner.name}-{RELEASE}",
            state=state,
            architecture="efficientnet-lite0" if transfer else "paper-cnn",
            sha256="",
            input_shape=TRANSFER_SHAPE if transfer else PAPER_SHAPE,
            preparation_version=PREPARATION_VERSION,
            classes=learner.classes,
            evidence=APPEARANCE_EVIDENCE if transfer else PAPER_EVIDENCE,
            calibration=evaluation.answers[learner.name].calibration,
            coverage=COVERAGE,
            licence=LICENCE,
            seed=seed,
            data=data,
            metrics={s: models[learner.name].as_dict() for s, models in evaluation.scores.items()},
        )
        manifests.append(save_version(manifest, weights, folder=folder))
    return manifests


def main() -> int:
    """Run the command; 0 when both versions were written."""
    parser = argument_parser(__doc__ or "")
    parser.add_argument(
        "--weights",
        type=Path,
        help="where versions are registered; default OUTPUT/weights, so that no shipped version "
        "is replaced unasked",
    )
    arguments = parser.parse_args()
    try:
        samples = read_samples(arguments)
        inputs = training_inputs(samples, cache=arguments.output)
        learners: dict[str, Learner] = {
            "baseline": PaperLearner(samples, inputs),
            "active": TransferLearner(samples, inputs, without=frozenset(arguments.without)),
        }
        evaluation = evaluate(
            samples, list(learners.values()), output=arguments.output, seed=arguments.seed
        )
        weights = arguments.weights or arguments.output / "weights"
        print("Fitting on all patients ...", file=sys.stderr, flush=True)
        summary = data_manifest(samples)
        del summary["files"]
        summary["sources"] = sorted({sample.source for sample in samples})
        manifests = train_and_register(
            learners, evaluation, data=summary, seed=arguments.seed, folder=weights
        )
    except ModelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    print(evaluation.text, end="")
    for manifest in manifests:
        print(f"\n{manifest.version} ({manifest.state}), weights SHA-256 {manifest.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
