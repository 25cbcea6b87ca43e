import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from ml_models import registry
from ml_models.architecture import build_paper_cnn, build_transfer_classifier, read_weights
from ml_models.classifier import Classification, Classifier
from ml_models.errors import ModelError


@pytest.fixture
def folder(tmp_path, manifest):
    """A registry with a tiny network of random weights."""
    import keras

    keras.utils.set_random_seed(3)
    model = build_transfer_classifier(manifest.input_shape, classes=len(manifest.classes))
    registry.save_version(manifest, read_weights(model), folder=tmp_path)
    return tmp_path


def test_not_assessable_passes_through_with_its_reasons_and_loads_nothing(tmp_path, manifest):
    registry.save_version(manifest, {}, folder=tmp_path)
    blank = prepare_breast(
        np.zeros((300, 200), np.float32), spacing_mm=None, laterality=None, view=None
    )

    assert Classifier.load(folder=tmp_path).classify(blank) == Classification(
        assessable=False,
        reasons=("blank",),
        model_version="tiny-1",
        probabilities={},
        category=None,
        abstained=True,
        prediction_set=(),
        suspicious_probability=None,
    )


@pytest.mark.model
def test_answer_is_a_distribution_over_two_to_six(folder, breast):
    answer = Classifier.load(folder=folder).classify(breast)

    assert answer.assessable
    assert answer.reasons == ()
    assert list(answer.probabilities) == ["2", "3", "4", "5", "6"]
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in answer.probabilities.values())
    assert answer.probabilities["6"] == 0
    assert answer.category == max(answer.probabilities, key=answer.probabilities.__getitem__)
    assert 0 < answer.suspicious_probability < 1
    assert answer.prediction_set == tuple(c for c, p in answer.probabilities.items() if p >= 0.1)
    assert answer.abstained == (len(answer.prediction_set) in (0, 4))


@pytest.mark.model
def test_set_that_rules_nothing_out_abstains(folder, manifest, breast):
    open_sets = replace(manifest.calibration, set_thresholds=(0.0, 0.0, 0.0, 0.0))
    stored = registry.load_manifest("tiny-1", folder=folder)
    answer = Classifier(replace(stored, calibration=open_sets), folder=folder).classify(breast)
    assert answer.prediction_set == ("2", "3", "4", "5")
    assert answer.abstained


@pytest.mark.model
def test_reloaded_model_gives_equal_outputs(folder, breast):
    first, second = (Classifier.load(folder=folder).classify(breast) for _ in range(2))
    assert first == second


@pytest.mark.model
def test_mirrored_film_gives_the_same_answer(folder, breast):
    mirrored = prepare_breast(
        np.ascontiguousarray(breast.source[:, ::-1]), spacing_mm=0.25, laterality="R", view="CC"
    )
    classifier = Classifier.load(folder=folder)
    assert classifier.logits(mirrored) == pytest.approx(classifier.logits(breast), abs=1e-3)


@pytest.mark.model
def test_many_threads_share_one_classifier(folder, breast):
    classifier = Classifier.load(folder=folder)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(classifier.classify, [breast] * 4))
    assert answers == [answers[0]] * 4


@pytest.mark.model
def test_changed_weights_are_refused_on_first_use(folder, breast):
    path = folder / "tiny-1" / "weights.npz"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError) as refusal:
        Classifier.load(folder=folder).classify(breast)
    assert refusal.value.code == "hash_mismatch"


@pytest.mark.model
def test_weights_of_another_network_are_refused(folder, manifest, breast):
    registry.save_version(manifest, {"logits/bias": np.zeros(4, np.float32)}, folder=folder)
    with pytest.raises(ModelError) as refusal:
        Classifier.load(folder=folder).classify(breast)
    assert refusal.value.code == "weights_incomplete"


@pytest.mark.model
def test_paper_network_answers_with_its_own_six(tmp_path, manifest, breast):
    model = build_paper_cnn((150, 150), classes=5)
    paper = replace(
        manifest,
        version="paper-1",
        state="baseline",
        architecture="paper-cnn",
        input_shape=(150, 150),
        classes=("2", "3", "4", "5", "6"),
        calibration=replace(manifest.calibration, set_thresholds=(0.0,) * 5),
    )
    registry.save_version(paper, read_weights(model), folder=tmp_path)

    answer = Classifier.load("paper-1", folder=tmp_path).classify(breast)

    assert answer.probabilities["6"] > 0
    assert sum(answer.probabilities.values()) == pytest.approx(1)


@pytest.fixture
def exam_folder(folder, manifest):
    """The same network as a version that fuses an exam."""
    fusion = registry.Fusion(
        other_weight=0.3, reference=(0.0, 0.0, 0.0, 0.0), calibration=manifest.calibration
    )
    weights = registry.load_weights(registry.load_manifest("tiny-1", folder=folder), folder=folder)
    fusing = replace(manifest, version="tiny-2", state="draft", fusion=fusion)
    registry.save_version(fusing, weights, folder=folder)
    return folder


@pytest.mark.model
def test_one_view_of_a_breast_answers_as_the_picture_does(exam_folder, breast):
    classifier = Classifier.load("tiny-2", folder=exam_folder)
    answer = classifier.classify_breast([breast])
    assert answer.probabilities == pytest.approx(classifier.classify(breast).probabilities)
    assert classifier.classify_breast([breast, breast]).category == answer.category


@pytest.mark.model
def test_logits_that_were_kept_answer_for_the_breast_as_its_pictures_do(exam_folder, breast):
    classifier = Classifier.load("tiny-2", folder=exam_folder)
    found = classifier.explain(breast)
    kept = np.array(json.loads(json.dumps(found.logits.tolist())))

    assert classifier.fuse([kept, kept], [kept]) == classifier.classify_breast(
        [breast, breast], other=[breast]
    )
    assert found.features.shape == (2560,)
    assert found.features.dtype == np.float32


@pytest.mark.model
def test_same_picture_of_the_other_breast_weakens_what_this_one_shows(exam_folder, breast):
    classifier = Classifier.load("tiny-2", folder=exam_folder)
    alone = classifier.classify_breast([breast]).probabilities
    beside = classifier.classify_breast([breast], other=[breast]).probabilities
    assert max(beside.values()) < max(alone.values())


@pytest.mark.model
def test_breast_without_an_assessable_view_is_not_assessed(exam_folder, breast):
    blank = prepare_breast(
        np.zeros((300, 200), np.float32), spacing_mm=None, laterality=None, view=None
    )
    classifier = Classifier.load("tiny-2", folder=exam_folder)
    assert classifier.classify_breast([blank, blank]).reasons == ("blank",)
    assert classifier.classify_breast([blank, breast]) == classifier.classify_breast([breast])


@pytest.mark.model
def test_version_for_single_pictures_does_not_answer_for_a_breast(folder, breast):
    with pytest.raises(ModelError) as refusal:
        Classifier.load("tiny-1", folder=folder).classify_breast([breast])
    assert refusal.value.code == "no_fusion"


def test_as_dict_is_ready_for_json():
    answer = Classification(True, (), "v", {"2": 1.0}, "2", False, ("2",), 0.1)
    assert answer.as_dict() == {
        "assessable": True,
        "reasons": [],
        "model_version": "v",
        "probabilities": {"2": 1.0},
        "category": "2",
        "abstained": False,
        "prediction_set": ["2"],
        "suspicious_probability": 0.1,
    }
