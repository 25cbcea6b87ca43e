"""The analytic Grad-CAM against the one of a gradient tape, and logits against Keras."""

import numpy as np
import pytest

from ml_models.architecture import build_transfer_classifier, read_weights, write_weights
from ml_models.calibration import log_odds, log_odds_gradient
from ml_models.errors import ModelError
from ml_models.head import NO_BREAST, LinearHead, lesion_evidence, pooled
from ml_models.pretrained import imagenet_weights

SHAPE = (96, 64)
SUSPICIOUS = np.array([False, False, True, True])


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(2)
    model = build_transfer_classifier(SHAPE, classes=4)
    write_weights(model, read_weights(model) | imagenet_weights())
    return model


@pytest.fixture(scope="module")
def head(model):
    return LinearHead.from_weights(read_weights(model), channels=1280, classes=4)


@pytest.fixture(scope="module")
def seen(model):
    """Maps of two pictures by Keras: (n, rows, cols, channels)."""
    import keras

    pictures = np.random.default_rng(6).random((2, *SHAPE, 1), np.float32)
    backbone = keras.Model(model.input, model.get_layer("mean").input)
    return np.asarray(backbone(pictures)), np.asarray(model(pictures), np.float64)


def test_mean_and_maximum_of_each_map():
    maps = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    assert pooled(maps).tolist() == [[2.5, 8.5, 5, 11]]


def scores(rows, cols):
    """No logits anywhere, breast everywhere."""
    cells = np.zeros((1, 4, rows, cols), np.float32)
    cells[0, 3] = 1
    return cells


def test_evidence_is_the_log_odds_of_the_windows_mean_logits():
    cells = scores(9, 9)
    cells[0, 2, 4, 4] = 25
    lesion, malignant = lesion_evidence(cells)[0]
    assert lesion[4, 4] == pytest.approx(np.log(1 + np.e))  # mean over 5 x 5 cells: 1
    assert malignant[4, 4] == pytest.approx(1 - np.log(2))
    assert lesion[0, 0] == pytest.approx(np.log(2))
    cells[0, 0] = 3
    assert lesion_evidence(cells)[0, 0, 0, 0] == pytest.approx(np.log(2) - 3)  # at the border too


def test_background_speaks_neither_for_itself_nor_for_its_neighbours():
    cells = scores(9, 9)
    cells[0, 2, :, 5:] = 100
    cells[0, 3, :, 5:] = 0
    lesion = lesion_evidence(cells)[0, 0]
    assert lesion[:, :5] == pytest.approx(np.log(2))
    assert (lesion[:, 5:] == NO_BREAST).all()


def test_five_strongest_places_are_pooled():
    maps = np.concatenate([np.zeros((1, 1280, 16, 16), np.float32), scores(16, 16)], axis=1)
    maps[0, 1282, 8, 8] = 25
    features = pooled(maps)
    assert features.shape == (1, 2562)
    assert features[0, 2560] == pytest.approx(np.log(1 + np.e))


def test_grad_cam_points_at_a_lesion_the_patch_scorer_sees():
    maps = np.concatenate([np.zeros((1, 1280, 16, 16), np.float32), scores(16, 16)], axis=1)
    maps[0, 1282, 3, 12] = 100
    kernel = np.zeros((2562, 4), np.float32)
    kernel[2560:] = np.arange(4)
    head = LinearHead(kernel, np.zeros(4, np.float32))
    cam = head.grad_cam(maps, np.array([-0.5, -0.5, 0.5, 0.5]))[0]
    assert cam[1:6, 10:15].min() > cam[8:].max()


@pytest.mark.model
def test_logits_equal_those_of_keras(head, seen):
    maps, logits = seen
    assert head.logits(pooled(maps.transpose(0, 3, 1, 2))) == pytest.approx(logits, abs=1e-4)


@pytest.mark.model
def test_grad_cam_equals_that_of_a_gradient_tape(model, head, seen):
    import keras
    import tensorflow as tf

    maps, logits = seen
    top = keras.Model(model.get_layer("mean").input, model.output)
    with tf.GradientTape() as tape:
        watched = tf.Variable(maps)
        out = top(watched)
        score = tf.reduce_logsumexp(out[:, 2:], 1) - tf.reduce_logsumexp(out[:, :2], 1)
        total = tf.reduce_sum(score)
    weights = np.asarray(tape.gradient(total, watched)).mean(axis=(1, 2))
    expected = np.einsum("nc,nhwc->nhw", weights, maps)
    assert np.asarray(score) == pytest.approx(log_odds(logits, SUSPICIOUS), abs=1e-4)
    assert np.abs(expected).max() > 1e-4

    for picture in range(2):
        direction = log_odds_gradient(logits[picture], SUSPICIOUS)
        cam = head.grad_cam(maps[picture : picture + 1].transpose(0, 3, 1, 2), direction)
        assert cam[0] == pytest.approx(expected[picture], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("missing", ["logits/kernel", "logits/bias"])
def test_incomplete_head_is_refused(missing):
    weights = {"logits/kernel": np.zeros((4, 3)), "logits/bias": np.zeros(3)}
    del weights[missing]
    with pytest.raises(ModelError) as refusal:
        LinearHead.from_weights(weights, channels=2, classes=3)
    assert refusal.value.code == "weights_incomplete"
