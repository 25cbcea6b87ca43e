"""Training on made-up inputs: small, but through the same code as the real one."""

import json

import numpy as np
import pytest

from ml_models import registry
from ml_models.architecture import build_paper_cnn
from ml_models.crossval import majority, out_of_fold, score
from ml_models.evaluate import evaluate
from ml_models.features import TrainingInputs
from ml_models.fitting import Examples, FitSettings, class_weights, fit_model
from ml_models.learners import PaperLearner, TransferLearner
from ml_models.train import train_and_register

SETTINGS = FitSettings(epochs=2, learning_rate=1e-3, weight_decay=0.0, batch_size=8, balanced=True)


@pytest.fixture
def inputs(samples):
    """Features that tell the categories apart, and pictures of noise."""
    rng = np.random.default_rng(0)
    own = np.eye(8)[[int(sample.category) for sample in samples]]
    features = 6 * own[:, None, :] + rng.normal(size=(len(samples), 2, 8))
    pictures = rng.random((len(samples), 150, 150, 1))
    return TrainingInputs(
        assessable=np.ones(len(samples), bool),
        features=features.astype(np.float32),
        pictures=pictures.astype(np.float32),
    )


def test_transfer_learner_learns_what_can_be_learnt(samples, inputs):
    answers = out_of_fold(TransferLearner(samples, inputs), samples, seed=1)
    scores = score(
        samples, answers.probabilities, answers.suspicious, answers.sets, appearance=tuple("2345")
    )
    assert answers.probabilities.sum(axis=1) == pytest.approx(1)
    assert scores.overall["auc_suspicious"].value > 0.95
    assert scores.overall["balanced_accuracy"].value > 0.7


def test_transfer_learner_is_repeatable(samples, inputs):
    learner = TransferLearner(samples, inputs)
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
    assert np.flatnonzero(TransferLearner(samples, refused).labels == -1).tolist() == [5]
    assert np.flatnonzero(PaperLearner(samples, refused).labels == -1).tolist() == [5]


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


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib's own
def test_evaluation_and_training_write_what_they_promise(tmp_path, samples, inputs):
    learners = {
        "baseline": PaperLearner(samples, inputs, settings=SETTINGS),
        "active": TransferLearner(samples, inputs),
    }
    evaluation = evaluate(samples, list(learners.values()), output=tmp_path / "out", seed=1)
    manifests = train_and_register(
        learners, evaluation, data={"images": 24}, seed=1, folder=tmp_path / "weights"
    )

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "curves-birads.csv",
        "curves-birads.png",
        "curves-paper-cnn.csv",
        "curves-paper-cnn.png",
        "data.json",
        "report.json",
        "report.txt",
    ]
    rows = (tmp_path / "out" / "curves-paper-cnn.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 * SETTINGS.epochs
    assert rows[0] == "fold,step,accuracy,loss,val_accuracy,val_loss"
    assert (tmp_path / "out" / "report.txt").read_text() == evaluation.text
    assert "set: 24 images of 12 patients" in evaluation.text
    assert len(json.loads((tmp_path / "out" / "data.json").read_text())["files"]) == 24
    assert [(m.version, m.state) for m in manifests] == [
        ("paper-cnn-1", "baseline"),
        ("birads-1", "active"),
    ]
    assert registry.active_manifest(tmp_path / "weights") == manifests[1]
    stored = registry.load_weights(manifests[1], folder=tmp_path / "weights")
    assert stored["logits/kernel"].shape == (8, 4)
    assert "conv_stem/kernel" in stored
    assert "fc/kernel" not in stored
