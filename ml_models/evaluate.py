"""``python -m ml_models.evaluate``: cross-validate by patient, print and write the figures.

Every model is measured on the same folds of the sets that are learnt from, and, trained on all of
them, on the other sets. What takes long is kept under ``--output``, so that a second run, or one
that was stopped, goes on from there.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import LITE0_CHANNELS, Weights
from ml_models.categories import APPEARANCE_CLASSES, CATEGORIES, is_suspicious
from ml_models.config import DEFAULT_CONFIG, Config, load_config
from ml_models.crossval import (
    Indices,
    OutOfFold,
    Scores,
    fused,
    majority,
    out_of_fold,
    outer_folds,
    score,
    slices,
)
from ml_models.dataset import Sample, data_manifest
from ml_models.errors import ModelError
from ml_models.features import FeatureSet, TrainingInputs, training_inputs
from ml_models.heads import EVIDENCE_FEATURES, HeadFit, fit_floor, fit_softmax, severity_fit
from ml_models.learners import Learner, PaperLearner, TransferLearner
from ml_models.pretrained import imagenet_weights
from ml_models.pretraining import LesionTraining, teach_lesions
from ml_models.readers import (
    read_class_folders,
    read_clinic_export,
    read_research_data,
    research_data_folder,
)
from ml_models.report import (
    draw_confusion,
    draw_reliability,
    format_draws,
    format_ideas,
    format_leak,
    format_scores,
    format_slices,
    write_curves,
)

DEFAULT_OUTPUT = Path("var/training")
MAJORITY = "majority"
TWO_ENDED = FeatureSet("two-ended")
SMALLER = FeatureSet("two-ended", (768, 432))
"""Costs 0.56 of the multiplications."""
FLOOR = FeatureSet("imagenet", (640, 384))
DRAWS = 5
"""How often the folds are drawn anew, to tell luck from skill."""
EVERYTHING = slice(None)
APPEARANCE, EVIDENCE = slice(-EVIDENCE_FEATURES), slice(-EVIDENCE_FEATURES, None)


@dataclass(frozen=True)
class Training:
    """Everything a training starts from.

    Attributes
    ----------
    config : Config
    samples : list of Sample
    own : (m,) int ndarray
        Which samples are learnt from; the others are external.
    inputs : TrainingInputs
    backbone : dict of str to ndarray
        Of the model that is shipped.
    lesions : LesionTraining
    cache : Path
    """

    config: Config
    samples: list[Sample]
    own: Indices
    inputs: TrainingInputs
    backbone: Weights
    lesions: LesionTraining
    cache: Path

    def transfer(
        self,
        name: str,
        features: FeatureSet,
        head: HeadFit,
        *,
        columns: slice = EVERYTHING,
        copies: int = 1,
    ) -> TransferLearner:
        """A head on some features, of the picture and, with two copies, of its mirror image."""
        return TransferLearner(
            self.samples,
            self.inputs.features[features][:, :copies, columns],
            self.inputs.assessable,
            head=head,
            name=name,
            classes=self.config.classes,
            without=self.config.without,
        )

    def birads(self, features: FeatureSet = TWO_ENDED) -> TransferLearner:
        """The model that is shipped; what it costs to see less, on other features."""
        suspicious = is_suspicious(self.config.classes)
        return self.transfer("birads", features, severity_fit(suspicious=suspicious, evidence=True))

    def frozen(self) -> TransferLearner:
        """A balanced softmax on ImageNet's features: what birads-1 was."""
        return self.transfer("frozen", TWO_ENDED, fit_softmax, columns=APPEARANCE)

    def paper(self) -> PaperLearner:
        """The founding paper's network."""
        return PaperLearner(self.samples, self.inputs, settings=self.config.paper, cache=self.cache)

    def floor(self) -> TransferLearner:
        """Frozen features at 640 x 384 and a plain logistic regression."""
        return self.transfer("floor", FLOOR, fit_floor, columns=slice(LITE0_CHANNELS))


@dataclass(frozen=True)
class Evaluation:
    """All models on the same folds.

    Attributes
    ----------
    answers : dict of str to OutOfFold
        By model name.
    scores : dict of str to dict of str to Scores
        By source of the images, then by model name, the majority answer first.
    ideas : dict of str to Scores
        What was tried, on the sets that are learnt from.
    draws : dict of str to Scores
        The exam's answers on other draws of the folds, by their seed.
    text : str
        The figures as they are printed.
    """

    answers: dict[str, OutOfFold]
    scores: dict[str, dict[str, Scores]]
    ideas: dict[str, Scores]
    draws: dict[str, Scores]
    text: str


def start(samples: list[Sample], data: Path, config: Config, *, cache: Path) -> Training:
    """Teach the patch scorer and compute all features, or read them from `cache`."""
    lesions = teach_lesions(data, cache=cache, settings=config.lesions, seed=config.seed)
    imagenet = {k: v for k, v in imagenet_weights().items() if not k.startswith("fc/")}
    backbone = {name: _as_shipped(array) for name, array in {**imagenet, **lesions.weights}.items()}
    backbones = {"imagenet": imagenet, "two-ended": backbone}
    inputs = training_inputs(samples, (TWO_ENDED, SMALLER, FLOOR), backbones, cache=cache)
    own = [i for i, sample in enumerate(samples) if sample.source in config.learn_from]
    if not own:
        raise ModelError(
            f"None of the images is of {', '.join(config.learn_from)}.", code="data_missing"
        )
    return Training(config, samples, np.array(own), inputs, backbone, lesions, cache)


def evaluate(training: Training, *, output: Path) -> Evaluation:
    """Measure all models; write report, figures, curves and data manifest to `output`."""
    samples, own, config = training.samples, training.own, training.config
    folds = outer_folds(samples, own, seed=config.seed)
    answers: dict[str, OutOfFold] = {}
    for learner in (training.paper(), training.floor(), training.birads()):
        answers[learner.name] = _cross_validate(learner, training)
    exam = fused(answers["birads"], samples, folds, other_weight=config.other_weight)
    answers[exam.name] = exam
    chosen = {source: _of_source(samples, source) for source in _sources(training)}
    scores = {source: _scores(samples, at, answers) for source, at in chosen.items()}
    mine = np.concatenate([chosen[source] for source in config.learn_from])
    frozen = _cross_validate(training.frozen(), training)
    ideas = _ideas(training, answers | {"frozen": frozen}, mine)
    leak = {}
    for learner, honest in (
        (training.paper(), answers["paper-cnn"]),
        (training.frozen(), frozen),
    ):
        leaking = _cross_validate(learner, training, by_patient=False)
        for how, answer in (("by patient", honest), ("by image", leaking)):
            name = f"{learner.name}, {how}"
            leak[name] = _scores(samples, mine, {name: answer})[name]
    draws = _draws(training, mine)
    by_slice = slices(samples, exam, appearance=APPEARANCE_CLASSES)
    data = data_manifest(samples)
    text = f"Data SHA-256 {data['sha256']}, seed {config.seed}.\n"
    for source, models in scores.items():
        kind = "held-out patients" if source in config.learn_from else "external, never learnt from"
        text += "\n" + format_scores(f"{source} ({kind})", models)
    text += "\n" + format_leak(leak)
    text += "\n" + format_slices(exam.name, by_slice) + "\n" + format_ideas(ideas)
    text += "\n" + format_draws(exam.name, draws)
    output.mkdir(parents=True, exist_ok=True)
    (output / "report.txt").write_text(text, encoding="utf-8")
    _write_json(output / "data.json", data)
    figures = {
        "seed": config.seed,
        "data_sha256": data["sha256"],
        "lesion_patches": training.lesions.epochs,
        "scores": {s: {n: m.as_dict() for n, m in models.items()} for s, models in scores.items()},
        "leak": {how: one.as_dict() for how, one in leak.items()},
        "draws": {seed: one.as_dict() for seed, one in draws.items()},
        "ideas": {name: one.as_dict() for name, one in ideas.items()},
        "slices": {
            fact: {v: s if isinstance(s, int) else s.as_dict() for v, s in parts.items()}
            for fact, parts in by_slice.items()
        },
    }
    _write_json(output / "report.json", figures)
    write_curves(output, "paper-cnn", answers["paper-cnn"].curves)
    write_curves(output, "lesion-patches", [_by_epoch(training.lesions)])
    for source, at in chosen.items():
        for name in ("birads", exam.name):
            draw_confusion(output / f"confusion-{source}-{name}.png", scores[source][name])
            draw_reliability(
                output / f"reliability-{source}-{name}.png",
                probability=answers[name].suspicious[at],
                positive=np.array([samples[i].category >= "4" for i in at]),
            )
    return Evaluation(answers, scores, ideas, draws, text)


def _cross_validate(learner: Learner, training: Training, *, by_patient: bool = True) -> OutOfFold:
    print(f"Cross-validating {learner.name} ...", file=sys.stderr, flush=True)
    return out_of_fold(
        learner,
        training.samples,
        training.own,
        seed=training.config.seed,
        by_patient=by_patient,
    )


def _ideas(training: Training, answers: Mapping[str, OutOfFold], at: Indices) -> dict[str, Scores]:
    """What was tried on the way, each changing one thing; figures of held-out patients."""
    samples, config = training.samples, training.config
    folds = outer_folds(samples, training.own, seed=config.seed)
    plain = severity_fit(suspicious=is_suspicious(config.classes), evidence=False)
    ideas = {
        "... learnt and asked mirrored too": training.transfer(
            "b", TWO_ENDED, fit_softmax, columns=APPEARANCE, copies=2
        ),
        "... at 768 x 432": training.transfer("c", SMALLER, fit_softmax, columns=APPEARANCE),
        "ordinal: one severity, tuned cuts": training.transfer(
            "d", TWO_ENDED, plain, columns=APPEARANCE
        ),
        "lesion evidence alone, softmax": training.transfer(
            "e", TWO_ENDED, fit_softmax, columns=EVIDENCE
        ),
        "softmax with lesion evidence": training.transfer("f", TWO_ENDED, fit_softmax),
    }
    measured = {"frozen features, softmax (birads-1)": answers["frozen"]}
    measured |= {name: _cross_validate(learner, training) for name, learner in ideas.items()}
    birads = answers["birads"]
    measured["severity with lesion evidence (birads)"] = birads
    measured["... both views of the breast"] = fused(birads, samples, folds, other_weight=0.0)
    measured["... and the other breast (birads-exam)"] = answers["birads-exam"]
    smaller = _cross_validate(training.birads(SMALLER), training)
    measured["birads at 768 x 432"] = smaller
    measured["birads-exam at 768 x 432"] = fused(
        smaller, samples, folds, other_weight=config.other_weight
    )
    return {name: _scores(samples, at, {name: answer})[name] for name, answer in measured.items()}


def _draws(training: Training, at: Indices) -> dict[str, Scores]:
    """The shipped model on folds drawn with this seed and the next ones."""
    samples, config = training.samples, training.config
    found = {}
    for seed in range(config.seed, config.seed + DRAWS):
        folds = outer_folds(samples, training.own, seed=seed)
        answers = out_of_fold(training.birads(), samples, training.own, seed=seed)
        exam = fused(answers, samples, folds, other_weight=config.other_weight)
        found[f"seed {seed}"] = _scores(samples, at, {exam.name: exam})[exam.name]
    return found


def _scores(
    samples: Sequence[Sample], at: Indices, answers: Mapping[str, OutOfFold]
) -> dict[str, Scores]:
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


def _sources(training: Training) -> list[str]:
    """Sources that are learnt from, then the others."""
    found = {sample.source for sample in training.samples}
    own = [source for source in training.config.learn_from if source in found]
    return own + sorted(found - set(own))


def _of_source(samples: Sequence[Sample], source: str) -> Indices:
    return np.array(
        [i for i, s in enumerate(samples) if s.source == source and s.category in CATEGORIES],
        np.int64,
    )


def _by_epoch(lesions: LesionTraining) -> dict[str, list[float]]:
    return {f"val_{name}": [row[name] for row in lesions.epochs] for name in lesions.epochs[0]}


def _as_shipped(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kernels are shipped with half the digits; what is learnt on them must know that."""
    return array.astype(np.float16).astype(np.float32) if array.ndim > 1 else array


def read_samples(arguments: argparse.Namespace, config: Config) -> tuple[list[Sample], Config]:
    """Samples of ``--folders``, else of the tables of ``--data`` and of ``--clinic``.

    Folders are learnt from instead of what the configuration names, a clinic's records beside it.
    """
    if arguments.folders is not None:
        samples = read_class_folders(arguments.folders)
        return samples, replace(config, learn_from=(arguments.folders.name,))
    samples = read_research_data(arguments.data)
    if arguments.clinic is not None:
        samples += read_clinic_export(arguments.clinic)
        config = replace(config, learn_from=(*config.learn_from, arguments.clinic.name))
    return samples, config


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The options that training and evaluation share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="TOML file")
    parser.add_argument(
        "--data", type=Path, default=research_data_folder(), help="folder with the research tables"
    )
    parser.add_argument(
        "--folders", type=Path, help="folder with Birad2 ... Birad6 instead of tables"
    )
    parser.add_argument("--clinic", type=Path, help="a clinic's consented export, in addition")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="where files go")
    return parser


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Run the command; 0 when the figures were written."""
    arguments = argument_parser(__doc__ or "").parse_args()
    try:
        samples, config = read_samples(arguments, load_config(arguments.config))
        training = start(samples, arguments.data, config, cache=arguments.output)
        evaluation = evaluate(training, output=arguments.output)
    except ModelError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    print(evaluation.text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
