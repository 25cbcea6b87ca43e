import json
from dataclasses import replace

import numpy as np
import pytest

from ml_models import registry
from ml_models.errors import ModelError

WEIGHTS = {"logits/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}


def code_of(call, *args, **kwargs) -> str:
    with pytest.raises(ModelError) as refusal:
        call(*args, **kwargs)
    return refusal.value.code


def test_saved_version_reads_back_equal(tmp_path, manifest):
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)

    assert registry.load_manifest("tiny-1", folder=tmp_path) == saved
    assert registry.versions(tmp_path) == [saved]
    loaded = registry.load_weights(saved, folder=tmp_path)
    assert list(loaded) == ["logits/kernel"]
    assert np.array_equal(loaded["logits/kernel"], WEIGHTS["logits/kernel"])


def test_same_weights_make_the_same_file(tmp_path, manifest):
    first = registry.save_version(manifest, WEIGHTS, folder=tmp_path / "a")
    second = registry.save_version(manifest, WEIGHTS, folder=tmp_path / "b")
    assert first.sha256 == second.sha256


def test_changed_weights_are_refused(tmp_path, manifest):
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    path = tmp_path / "tiny-1" / "weights.npz"
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(bytes(changed))
    assert code_of(registry.load_weights, saved, folder=tmp_path) == "hash_mismatch"


def test_missing_weights_are_refused(tmp_path, manifest):
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    (tmp_path / "tiny-1" / "weights.npz").unlink()
    assert code_of(registry.load_weights, saved, folder=tmp_path) == "weights_missing"


def test_pickled_weights_are_refused_even_with_a_matching_hash(tmp_path, manifest):
    np.savez(tmp_path / "evil.npz", evil=np.array([{"a": 1}], dtype=object))
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    stored = (tmp_path / "evil.npz").read_bytes()
    (tmp_path / "tiny-1" / "weights.npz").write_bytes(stored)
    vouched = replace(saved, sha256=registry.hashlib.sha256(stored).hexdigest())
    assert code_of(registry.load_weights, vouched, folder=tmp_path) == "unreadable_weights"


def test_exactly_one_version_is_active(tmp_path, manifest):
    assert code_of(registry.active_manifest, tmp_path) == "no_active_model"
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    registry.save_version(
        replace(manifest, version="tiny-0", state="baseline"), WEIGHTS, folder=tmp_path
    )
    assert registry.active_manifest(tmp_path) == saved
    registry.save_version(replace(manifest, version="tiny-2"), WEIGHTS, folder=tmp_path)
    assert code_of(registry.active_manifest, tmp_path) == "several_active_models"


@pytest.mark.parametrize("version", ["absent", "../tiny-1", "", "UPPER"])
def test_unknown_version_is_refused(tmp_path, manifest, version):
    registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    assert code_of(registry.load_manifest, version, folder=tmp_path) == "unknown_version"


@pytest.mark.parametrize(
    "change", [{"state": "famous"}, {"version": "tiny-9"}, {"calibration": None}, {"extra": 1}]
)
def test_manifest_that_does_not_say_what_it_must_is_refused(tmp_path, manifest, change):
    registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    path = tmp_path / "tiny-1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert code_of(registry.load_manifest, "tiny-1", folder=tmp_path) == "invalid_manifest"
