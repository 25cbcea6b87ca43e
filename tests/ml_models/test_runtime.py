"""The OpenVINO graphs against the Keras networks they stand in for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.imaging.decode import load_pixels
from ml_models import registry
from ml_models.architecture import (
    build_paper_cnn,
    build_two_ended_backbone,
    read_weights,
    write_weights,
)
from ml_models.errors import ModelError
from ml_models.runtime import Network, backbone_graph, paper_graph

ROOT = Path(__file__).parents[2]
SHAPE = (64, 32)


@pytest.fixture(scope="module")
def shipped():
    return registry.load_weights(registry.active_manifest())


@pytest.fixture(scope="module")
def backbone(shipped):
    model = build_two_ended_backbone(SHAPE)
    write_weights(model, shipped)
    return model


def channels_last(maps):
    return maps.transpose(0, 2, 3, 1)


@pytest.mark.model
@pytest.mark.parametrize("kind", ["noise", "breast"])
def test_backbone_equals_keras(backbone, shipped, breast, kind):
    from ml_models.inputs import fit_to_canvas

    pictures = np.random.default_rng(1).random((3, *SHAPE), np.float32)
    if kind == "breast":
        pictures = fit_to_canvas(breast.crop, SHAPE)[None]

    maps = Network(backbone_graph(shipped, SHAPE))(pictures)

    expected = np.asarray(backbone(pictures[..., None], training=False))
    assert maps.shape == (len(pictures), 1284, 2, 1)
    assert maps.max() > 0.5
    assert channels_last(maps) == pytest.approx(expected, abs=1e-4)


@pytest.mark.model
def test_paper_network_equals_keras():
    model = build_paper_cnn((150, 150), classes=5)
    pictures = np.random.default_rng(2).random((2, 150, 150), np.float32)

    logits = Network(paper_graph(read_weights(model), (150, 150), classes=5))(pictures)

    expected = np.asarray(model(pictures[..., None], training=False))
    assert logits == pytest.approx(expected, abs=1e-4)


def test_pictures_of_a_batch_do_not_touch_each_other(shipped):
    network = Network(backbone_graph(shipped, SHAPE))
    pictures = np.random.default_rng(3).random((4, *SHAPE), np.float32)

    together = network(pictures)

    assert together == pytest.approx(np.concatenate([network(p[None]) for p in pictures]), abs=1e-5)


def test_an_answer_is_not_overwritten_by_the_next(shipped):
    network = Network(backbone_graph(shipped, SHAPE))
    noise, black = np.random.default_rng(4).random((2, 1, *SHAPE), np.float32) * [[[[1]]], [[[0]]]]
    first = network(noise.astype(np.float32))
    kept = first.copy()

    network(black.astype(np.float32))

    assert np.array_equal(first, kept)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("conv_stem/kernel", None),
        ("block3_depthwise_conv/kernel", np.zeros((3, 3, 7, 1), np.float32)),
        ("bn1/gamma", np.zeros(12, np.float32)),
    ],
)
def test_arrays_of_another_network_are_refused(shipped, name, array):
    changed = {key: value for key, value in shipped.items() if key != name}
    if array is not None:
        changed[name] = array
    with pytest.raises(ModelError, match=name) as refusal:
        backbone_graph(changed, SHAPE)
    assert refusal.value.code == "weights_incomplete"


PICTURE = ROOT / "analysis/demo/pictures/cdd275-L-CC.png"
CLASSIFY = """
import sys, json
from analysis.imaging.breast import prepare_breast
from analysis.imaging.decode import load_pixels
from ml_models.classifier import Classifier
prepared = prepare_breast(load_pixels(sys.argv[1]), spacing_mm=None, laterality="L", view="CC")
assert Classifier.load().explain(prepared).heat_map is not None
unwanted = {"tensorflow", "keras", "sklearn", "openvino_telemetry", "openvino.tools.ovc"}
print(json.dumps(sorted(name for name in unwanted if sys.modules.get(name))))
"""


@pytest.mark.model
def test_shipped_network_equals_keras_on_a_real_mammogram(shipped):
    from ml_models.inputs import fit_to_canvas

    shape = registry.active_manifest().input_shape
    model = build_two_ended_backbone(shape)
    write_weights(model, shipped)
    canvas = fit_to_canvas(load_pixels(PICTURE), shape)[None]

    maps = Network(backbone_graph(shipped, shape))(canvas)

    assert maps.max() > 0.5
    expected = np.asarray(model(canvas[..., None], training=False))
    assert np.abs(channels_last(maps) - expected).max() < 1e-4


def test_classifying_loads_no_training_library_and_reports_to_nobody():
    done = subprocess.run(
        [sys.executable, "-c", CLASSIFY, PICTURE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
