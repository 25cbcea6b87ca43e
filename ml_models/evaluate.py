"""``python -m ml_models.evaluate``: cross-validate by patient, print and write the figures."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_models.categories import APPEARANCE_CLASSES, CATEGORIES
from ml_models.crossval import OutOfFold, Scores, majority, out_of_fold, score
from ml_models.dataset import (
    Sample,
    data_manifest,
    read_class_folders,
    read_research_data,
    research_data_folder,
)
from ml_models.errors import ModelError
from ml_models.features import training_inputs
from ml_models.learners import Learner, PaperLearner, TransferLearner
from ml_models.report import format_scores, write_curves

DEFAULT_OUTPUT = Path("var/training")
SEED = 20
MAJORITY = "majority"


@dataclass(frozen=True)
class Evaluation:
    """All models on the same folds.

    Attributes
    ----------
    answers : dict of str to OutOfFold
        By learner name.
    scores : dict of str to dict of str to Scores
        By source of the images, then by model name, the majority answer first.
    text : str
        The figures as they are printed.
    """

    answers: dict[str, OutOfFold]
    scores: dict[str, dict[str, Scores]]
    text: str


def evaluate(
    samples: Sequence[Sample], learners: Sequence[Learner], *, output: Path, seed: int
) -> Evaluation:
    """Cross-validate learners and write report, figures, curves and data manifest to `output`."""
    answers = {}
    for learner in learners:
        print(f"Cross-validating {learner.name} ...", file=sys.stderr, flush=True)
        answers[learner.name] = out_of_fold(learner, samples, seed=seed)
        write_curves(output, learner.name, answers[learner.name].curves)
    scores = {
        source: _score_source(samples, answers, source)
        for source in sorted({sample.source for sample in samples}, reverse=True)
    }
    data = data_manifest(samples)
    text = f"Data SHA-256 {data['sha256']}, seed {seed}.\n"
    text += "".join("\n" + format_scores(source, models) for source, models in scores.items())
    (output / "report.txt").write_text(text, encoding="utf-8")
    _write_json(output / "data.json", data)
    figures = {
        "seed": seed,
        "data_sha256": data["sha256"],
        "scores": {
            source: {name: model.as_dict() for name, model in models.items()}
            for source, models in scores.items()
        },
    }
    _write_json(output / "report.json", figures)
    return Evaluation(answers, scores, text)


def _score_source(
    samples: Sequence[Sample], answers: dict[str, OutOfFold], source: str
) -> dict[str, Scores]:
    at = [i for i, s in enumerate(samples) if s.source == source and s.category in CATEGORIES]
    chosen = [samples[i] for i in at]
    scores = {MAJORITY: score(chosen, *majority(chosen), None, appearance=APPEARANCE_CLASSES)}
    for name, answer in answers.items():
        scores[name] = score(
            chosen,
            answer.probabilities[at],
            answer.suspicious[at],
            [answer.sets[i] for i in at],
            appearance=APPEARANCE_CLASSES,
        )
    return scores


def read_samples(arguments: argparse.Namespace) -> list[Sample]:
    """Samples from ``--folders`` when given, else from the tables under ``--data``."""
    if arguments.folders is not None:
        return read_class_folders(arguments.folders)
    return read_research_data(arguments.data)


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The options that training and evaluation share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data", type=Path, default=research_data_folder(), help="folder with the research tables"
    )
    parser.add_argument(
        "--folders", type=Path, help="folder with Birad2 ... Birad6 instead of tables"
    )
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="where files go")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--without",
        nargs="*",
        default=[],
        metavar="CATEGORY",
        help="categories the transfer model does not learn from (1, for example)",
    )
    return parser


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Run the command; 0 when the figures were written."""
    arguments = argument_parser(__doc__ or "").parse_args()
    try:
        samples = read_samples(arguments)
        inputs = training_inputs(samples, cache=arguments.output)
        learners: list[Learner] = [
            PaperLearner(samples, inputs),
            TransferLearner(samples, inputs, without=frozenset(arguments.without)),
        ]
        evaluation = evaluate(samples, learners, output=arguments.output, seed=arguments.seed)
    except ModelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    print(evaluation.text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
