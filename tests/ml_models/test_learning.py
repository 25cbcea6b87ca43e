"""Training on made-up inputs: small, but through the same code as the real one."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ml_models import registry
from ml_models.architecture import build_paper_cnn
from ml_models.card import write_card
from ml_models.classifier import Classifier
from ml_models.config import Config, load_config
from ml_models.crossval import fused, majority, out_of_fold, outer_folds, score, slices
from ml_models.evaluate import FLOOR, SMALLER, TWO_ENDED, Training, evaluate
from ml_models.features import TrainingInputs
from ml_models.fitting import Examples, FitSettings, class_weights, fit_model
from ml_models.heads import fit_softmax
from ml_models.learners import PaperLearner, TransferLearner
from ml_models.pretraining import LesionTraining
from ml_models.train import train_and_register

SETTINGS = FitSettings(epochs=2, learning_rate=1e-3, weight_decay=0.0, batch_size=8, balanced=True)


@pytest.fixture
def inputs(samples):
    """Features that tell the categories apart, and pictures of noise."""
    rng = np.random.default_rng(0)
    own = np.eye(10)[[int(sample.category) for sample in samples]]
    features = (6 * own[:, None, :] + rng.normal(size=(len(samples), 2, 10))).astype(np.float32)
    pictures = rng.random((len(samples), 150, 150, 1))
    return TrainingInputs(
        assessable=np.ones(len(samples), bool),
        features={TWO_ENDED: features, SMALLER: features, FLOOR: features},
        pictures=pictures.astype(np.float32),
    )


@pytest.fixture
def learner(samples, inputs):
    return TransferLearner(samples, inputs.features[TWO_ENDED], inputs.assessable, head=fit_softmax)


def test_transfer_learner_learns_what_can_be_learnt(samples, learner):
    answers = out_of_fold(learner, samples, np.arange(24), seed=1)
    scores = score(
        samples, answers.probabilities, answers.suspicious, answers.sets, appearance=tuple("2345")
    )
    assert answers.probabilities.sum(axis=1) == pytest.approx(1)
    assert scores.overall["auc_suspicious"].value > 0.95
    assert scores.overall["balanced_accuracy"].value > 0.7


def test_other_sets_are_answered_by_what_learnt_from_all_of_this_one(samples, inputs):
    others = [
        replace(s, source="other", patient=f"other {s.patient}", pixel_sha256=f"o {s.pixel_sha256}")
        for s in samples[:4]
    ]
    features = inputs.features[TWO_ENDED]
    everyone = [*samples, *others]
    learner = TransferLearner(
        everyone,
        np.concatenate([features, features[:4] + np.float32(1)]),
        np.ones(28, bool),
        head=fit_softmax,
    )
    own = np.arange(24)

    answers = out_of_fold(learner, everyone, own, seed=1)

    everything = learner.learn(own, np.arange(24, 28), seed=1)
    assert np.array_equal(answers.logits[24:], everything.logits)


def test_exam_gives_all_pictures_of_a_breast_one_answer(samples, learner):
    own = np.arange(24)
    answers = out_of_fold(learner, samples, own, seed=1)
    exam = fused(answers, samples, outer_folds(samples, own, seed=1), other_weight=0.3)
    assert np.array_equal(exam.logits[::2], exam.logits[1::2])
    assert exam.logits[0] == pytest.approx(answers.logits[:2].mean(axis=0))


def test_folds_by_image_put_women_on_two_sides(samples):
    for train, held_out in outer_folds(samples, np.arange(24), seed=1, by_patient=False):
        assert {samples[i].patient for i in train} & {samples[i].patient for i in held_out}


def test_slices_say_where_there_are_not_enough(samples, learner):
    answers = out_of_fold(learner, samples, np.arange(24), seed=1)
    parts = slices(samples, answers, appearance=tuple("2345"))
    assert parts["view"] == {"CC": 12, "MLO": 12}
    assert parts["device"] == {"not given": 24}


def test_transfer_learner_is_repeatable(samples, learner):
    everyone = np.arange(len(samples))
    first, second = (learner.learn(everyone, everyone, seed=1) for _ in range(2))
    assert np.array_equal(first.weights["logits/kernel"], second.weights["logits/kernel"])
    assert np.array_equal(first.logits, second.logits)


def test_not_assessable_pictures_are_not_learnt_from(samples, inputs):
    refused = TrainingInputs(
        assessable=np.arange(len(samples)) != 5,
        features=inputs.features,
        pictures=inputs.pictures,
    )
    transfer = TransferLearner(
        samples, inputs.features[TWO_ENDED], refused.assessable, head=fit_softmax
    )
    assert np.flatnonzero(transfer.labels == -1).tolist() == [5]
    paper = PaperLearner(samples, refused, settings=SETTINGS)
    assert np.flatnonzero(paper.labels == -1).tolist() == [5]


def test_majority_answer_is_chance(samples):
    scores = score(samples, *majority(samples), None, appearance=tuple("2345"))
    assert scores.overall["balanced_accuracy"].value == 0.25
    assert scores.overall["auc_suspicious"].value == 0.5
    assert scores.overall["quadratic_kappa"].value == 0


def test_class_weights_balance_and_skip_absent_classes():
    assert class_weights(np.array([0, 0, 0, 2]), classes=3).tolist() == [2 / 3, 0, 2]


@pytest.mark.model
def test_same_seed_gives_the_same_weights_and_another_seed_others(inputs):
    examples = Examples(inputs.pictures[:8], np.arange(8) % 4)

    def weights(seed):
        return fit_model(
            lambda: build_paper_cnn((150, 150), classes=4),
            examples,
            classes=4,
            settings=SETTINGS,
            seed=seed,
        ).weights

    first, second, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["logits/kernel"], other["logits/kernel"])


def test_paper_learner_goes_on_from_its_cache(tmp_path, samples, inputs, monkeypatch):
    everyone = np.arange(len(samples))
    learner = PaperLearner(samples, inputs, settings=SETTINGS, cache=tmp_path)
    first = learner.learn(everyone, everyone[:2], seed=1)
    monkeypatch.setattr(learner, "_learn", None)  # a second training would fail
    second = learner.learn(everyone, everyone[:2], seed=1)
    assert np.array_equal(first.logits, second.logits)
    assert first.curves == second.curves
    assert first.weights.keys() == second.weights.keys()


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own
def test_p14_a_category_is_added_by_configuration_and_another_head(tmp_path, samples, breast):
    """Five classes instead of four: the backbone stays, and the new version answers a 6."""
    classes = ("2", "3", "4", "5", "6")
    (tmp_path / "six.toml").write_text(f'learn_from = ["set"]\nclasses = {list(classes)}\n')
    config = replace(load_config(tmp_path / "six.toml"), paper=SETTINGS)
    others = [
        replace(s, name=f"o{s.name}", patient=f"o{s.patient}", pixel_sha256=f"o{s.pixel_sha256}")
        for s in samples
    ]
    women = [replace(s, category=str(2 + i // 2 % 5)) for i, s in enumerate([*samples, *others])]
    n = len(women)
    shipped = registry.load_weights(registry.active_manifest())
    backbone = {k: v for k, v in shipped.items() if not k.startswith("logits/")}
    rng = np.random.default_rng(0)
    told = np.array([int(s.category) for s in women], np.float32)
    features = rng.normal(size=(n, 2, 2562)).astype(np.float32)
    features[:, :, :40] += told[:, None, None]
    inputs = TrainingInputs(
        assessable=np.ones(n, bool),
        features={TWO_ENDED: features, SMALLER: features, FLOOR: features[..., :2560]},
        pictures=rng.random((n, 150, 150, 1)).astype(np.float32),
    )
    lesions = LesionTraining({}, [{"auc_lesion": 0.5, "auc_malignant": 0.5}], 7)
    training = Training(config, women, np.arange(n), inputs, backbone, lesions, tmp_path)

    train_and_register(training, evaluate(training, output=tmp_path / "out"), folder=tmp_path)

    model = Classifier.load("birads-2", folder=tmp_path)
    answer = model.classify(breast)
    stored = registry.load_weights(registry.active_manifest(tmp_path), folder=tmp_path)
    assert registry.active_manifest(tmp_path).classes == classes
    assert stored["logits/kernel"].shape == (2562, 5)
    assert all(np.array_equal(stored[name], array) for name, array in backbone.items())
    assert answer.probabilities["6"] > 0
    assert sum(answer.probabilities.values()) == pytest.approx(1)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own
def test_evaluation_and_training_write_what_they_promise(tmp_path, samples, inputs):
    training = Training(
        config=Config(learn_from=("set",), paper=SETTINGS),
        samples=list(samples),
        own=np.arange(24),
        inputs=inputs,
        backbone={"conv_stem/kernel": np.ones((3, 3, 3, 2), np.float32)},
        lesions=LesionTraining({}, [{"auc_lesion": 0.5, "auc_malignant": 0.5}], 7),
        cache=tmp_path,
    )
    evaluation = evaluate(training, output=tmp_path / "out")
    manifests = train_and_register(training, evaluation, folder=tmp_path / "weights")
    write_card(tmp_path / "card.md", training, evaluation, manifests)

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "confusion-set-birads-exam.png",
        "confusion-set-birads.png",
        "curves-lesion-patches.csv",
        "curves-lesion-patches.png",
        "curves-paper-cnn.csv",
        "curves-paper-cnn.png",
        "data.json",
        "reliability-set-birads-exam.png",
        "reliability-set-birads.png",
        "report.json",
        "report.txt",
    ]
    assert (tmp_path / "out" / "report.txt").read_text() == evaluation.text
    assert "set (held-out patients): 24 images of 12 patients" in evaluation.text
    assert evaluation.text in (tmp_path / "card.md").read_text()
    assert len(json.loads((tmp_path / "out" / "data.json").read_text())["files"]) == 24
    assert [(m.version, m.state) for m in manifests] == [
        ("paper-cnn-2", "baseline"),
        ("birads-2", "active"),
    ]
    assert registry.active_manifest(tmp_path / "weights") == manifests[1]
    stored = registry.load_weights(manifests[1], folder=tmp_path / "weights")
    assert stored["logits/kernel"].shape == (10, 4)
    assert stored["conv_stem/kernel"].dtype == np.float32
