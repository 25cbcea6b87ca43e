import numpy as np
import pytest

from ml_models.architecture import read_weights, write_weights
from ml_models.lesions import PATCH_PX, Film, Lesion, Mass, make_patches

RNG = np.random.default_rng(8)


@pytest.fixture
def films():
    image = np.clip(0.4 + 0.1 * RNG.normal(size=(700, 500)), 0.01, 1).astype(np.float32)
    breast = np.ones(image.shape, bool)
    marked = Film("set/1", image, breast, (Lesion(x=120, y=120, radius=30, malignant=True),))
    return [marked, Film("set/2", image, breast, ())]


@pytest.fixture
def masses():
    mask = np.zeros((256, 256), np.float32)
    mask[60:200, 60:200] = 1
    return [Mass("cut/3", 0.3 + 0.4 * mask, mask, malignant=False)]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("ml_models.lesions.NORMAL", 6)
    monkeypatch.setattr("ml_models.lesions.NORMAL_PASTED", 4)


@pytest.mark.usefixtures("few")
def test_patches_of_every_class_name_their_patient(films, masses):
    patches = make_patches(films, masses, seed=1)

    assert patches.pictures.shape == (4 + 8 + 10, PATCH_PX, PATCH_PX)
    assert np.bincount(patches.labels).tolist() == [10, 4, 8]
    assert set(patches.patients[patches.labels == 1]) == {"cut/3"}
    assert set(patches.patients[patches.labels == 2]) == {"set/1"}


@pytest.mark.usefixtures("few")
def test_same_seed_makes_the_same_patches(films, masses):
    first, second, other = (make_patches(films, masses, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.pictures, second.pictures)
    assert not np.array_equal(first.pictures, other.pictures)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_teaching_goes_on_where_it_was_stopped(tmp_path, films, masses, monkeypatch):
    from ml_models import pretraining

    monkeypatch.setattr(pretraining, "read_films", lambda folder: films)
    monkeypatch.setattr(pretraining, "read_masses", lambda folder: masses)
    settings = pretraining.PatchSettings(epochs=2, patches_per_epoch=64, batch_size=8)

    whole = pretraining.teach_lesions(tmp_path, cache=tmp_path / "a", settings=settings, seed=3)
    (last,) = (tmp_path / "a").glob("lesions-*-2.npz")
    last.unlink()
    resumed = pretraining.teach_lesions(tmp_path, cache=tmp_path / "a", settings=settings, seed=3)

    assert len(resumed.epochs) == 2
    for name, array in whole.weights.items():
        assert resumed.weights[name] == pytest.approx(array, abs=1e-5), name


@pytest.mark.model
def test_both_ends_in_openvino_equal_keras():
    import keras

    from ml_models.architecture import build_two_ended_backbone
    from ml_models.pretrained import imagenet_weights
    from ml_models.runtime import Network, backbone_graph

    keras.utils.set_random_seed(5)
    model = build_two_ended_backbone((96, 64))
    imagenet = imagenet_weights()
    taught = {f"lesion_{name}": array for name, array in imagenet.items()}
    weights = read_weights(model) | {
        k: v for k, v in {**imagenet, **taught}.items() if not k.endswith(("fc/kernel", "fc/bias"))
    }
    write_weights(model, weights)
    pictures = RNG.random((2, 96, 64), np.float32)

    maps = Network(backbone_graph(weights, (96, 64)))(pictures)

    expected = np.asarray(model(pictures[..., None])).transpose(0, 3, 1, 2)
    assert maps.shape == (2, 1284, 3, 2)
    assert maps == pytest.approx(expected, abs=2e-3)


@pytest.mark.model
def test_multiplications_are_those_of_the_convolutions():
    from math import prod

    from ml_models.architecture import build_two_ended_backbone, multiplications

    counted = {"": 0, "lesion_": 0}
    for layer in build_two_ended_backbone((96, 64)).layers:
        if not hasattr(layer, "kernel"):
            continue
        end = "lesion_" if layer.name.startswith("lesion_") else ""
        cells = prod(layer.output.shape[1:3])
        counted[end] += cells * prod(layer.kernel.shape) // (3 if layer.name == "conv_stem" else 1)
    assert multiplications((96, 64)) == tuple(counted.values())
