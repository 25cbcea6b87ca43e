import numpy as np
import pytest

from ml_models import registry
from ml_models.errors import ModelError
from ml_models.familiarity import MARGIN, fit_familiarity, fit_with_threshold

RNG = np.random.default_rng(8)
FEATURES = (RNG.standard_normal((400, 30)) * np.linspace(0.2, 3, 30) + 5).astype(np.float32)
FOLDS = [
    (np.flatnonzero(np.arange(400) % 4 != part), np.flatnonzero(np.arange(400) % 4 == part))
    for part in range(4)
]


def test_distance_is_about_one_for_its_own_kind_and_grows_with_the_way():
    fitted = fit_familiarity(FEATURES)
    centre = FEATURES.mean(axis=0, keepdims=True)
    step = np.float32(10) * FEATURES.std(axis=0)

    assert np.mean(fitted.distance(FEATURES) ** 2) == pytest.approx(1, abs=0.01)
    assert fitted.distance(centre) == pytest.approx(0, abs=1e-3)
    assert fitted.distance(centre + step) == pytest.approx(10, rel=0.1)


def test_distance_equals_the_dense_mahalanobis_form():
    fitted = fit_familiarity(FEATURES)
    others = np.eye(30) - fitted.directions.T @ fitted.directions
    inverse = fitted.directions.T @ np.diag(1 / fitted.variances) @ fitted.directions
    inverse = inverse + others / fitted.rest
    z = (FEATURES[:5].astype(np.float64) - fitted.mean) / fitted.deviation

    expected = np.sqrt(np.einsum("ni,ij,nj->n", z, inverse, z) / 30)

    assert fitted.distance(FEATURES[:5]) == pytest.approx(expected, rel=1e-4)


def test_threshold_comes_from_pictures_the_fits_had_not_seen():
    fitted, distances = fit_with_threshold(FEATURES, FOLDS)

    assert fitted.threshold == pytest.approx(MARGIN * distances.max())
    assert distances[FOLDS[0][1]] == pytest.approx(
        fit_familiarity(FEATURES[FOLDS[0][0]]).distance(FEATURES[FOLDS[0][1]])
    )
    assert fitted.knows(FEATURES).all()
    assert not fitted.knows(FEATURES[:1] + 100).any()


def test_a_fit_is_kept_beside_the_weights_and_proven(tmp_path, manifest):
    saved = registry.save_version(manifest, {}, folder=tmp_path)
    assert registry.load_familiarity(saved, folder=tmp_path) is None
    fitted, _ = fit_with_threshold(FEATURES, FOLDS)

    registry.save_familiarity(saved, fitted, held_out_refused=0.0, folder=tmp_path)

    again = registry.load_manifest("tiny-1", folder=tmp_path)
    loaded = registry.load_familiarity(again, folder=tmp_path)
    assert loaded.threshold == fitted.threshold
    assert loaded.distance(FEATURES) == pytest.approx(fitted.distance(FEATURES))
    path = tmp_path / "tiny-1" / "familiarity.npz"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError) as refusal:
        registry.load_familiarity(again, folder=tmp_path)
    assert refusal.value.code == "hash_mismatch"


def test_the_active_version_has_a_fit_that_knew_its_held_out_patients():
    record = registry.active_manifest().familiarity
    assert record["held_out_refused"] <= 0.02
    assert registry.load_familiarity(registry.active_manifest()).threshold == record["threshold"]
