import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import skimage

from ml_models.errors import ModelError
from ml_models.pretrained import imagenet_checkpoint, imagenet_weights, read_checkpoint

ESPRESSO, TABBY, TIGER_CAT, EGYPTIAN_CAT = 967, 281, 282, 285


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as refusal:
        read_checkpoint(path)
    return refusal.value.code


def header() -> bytes:
    return b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))


class Opener:
    def __reduce__(self):
        return Path.touch, (Path("should-not-exist"),)


def test_checkpoint_that_names_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    path.write_bytes(header() + pickle.dumps(OrderedDict(weight=Opener()), 2))

    assert refused(path) == "unsafe_checkpoint"
    assert not (tmp_path / "should-not-exist").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(5, 2), b"not a pickle"])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    assert refused(path) == "unreadable_checkpoint"


def test_cut_checkpoint_is_refused(tmp_path):
    path = tmp_path / "cut.pth"
    path.write_bytes(imagenet_checkpoint().read_bytes()[:-5])
    assert refused(path) == "unreadable_checkpoint"


def test_storage_of_another_length_is_refused(tmp_path):
    whole = imagenet_checkpoint().read_bytes()
    at = whole.index(struct.pack("<q", 3 * 3 * 3 * 32))
    path = tmp_path / "longer.pth"
    path.write_bytes(whole[:at] + struct.pack("<q", 1) + whole[at + 8 :])
    assert refused(path) == "unreadable_checkpoint"


def test_imagenet_weights_have_the_axis_order_of_keras():
    weights = imagenet_weights()
    assert weights["conv_stem/kernel"].shape == (3, 3, 3, 32)
    assert weights["block0_depthwise_conv/kernel"].shape == (3, 3, 32, 1)
    assert weights["block15_project_conv/kernel"].shape == (1, 1, 1152, 320)
    assert weights["fc/kernel"].shape == (1280, 1000)
    assert (weights["bn1/moving_variance"] > 0).all()


@pytest.mark.model
@pytest.mark.parametrize(
    ("photo", "expected"),
    [("coffee.png", {ESPRESSO}), ("chelsea.png", {TABBY, TIGER_CAT, EGYPTIAN_CAT})],
)
def test_converted_backbone_recognises_photographs(photo, expected):
    """The known answer: in colour, with its own classifier, it names what ImageNet taught it."""
    import cv2
    import keras

    from ml_models.architecture import build_backbone, write_weights

    weights = imagenet_weights()
    backbone = build_backbone((224, 224))
    write_weights(backbone, weights)
    in_colour = keras.Model(backbone.get_layer("conv_stem").input, backbone.output)
    picture = cv2.imread(str(Path(skimage.__file__).parent / "data" / photo))[..., ::-1]
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side].astype(np.float32)
    small = cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA)
    maps = in_colour.predict((small[None] - 127) / 128, verbose=0)
    logits = maps.mean(axis=(1, 2)) @ weights["fc/kernel"] + weights["fc/bias"]
    best = np.argsort(-logits[0])[: len(expected)]
    assert set(best.tolist()) == expected
