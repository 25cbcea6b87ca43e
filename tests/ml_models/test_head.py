"""The analytic Grad-CAM against the one of a gradient tape, and logits against Keras."""

import numpy as np
import pytest

from ml_models import registry
from ml_models.architecture import build_transfer_classifier, read_weights, write_weights
from ml_models.calibration import log_odds, log_odds_gradient
from ml_models.errors import ModelError
from ml_models.head import LinearHead, pooled

SHAPE = (96, 64)
SUSPICIOUS = np.array([False, False, True, True])


@pytest.fixture(scope="module")
def model():
    model = build_transfer_classifier(SHAPE, classes=4)
    write_weights(model, registry.load_weights(registry.active_manifest()))
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
