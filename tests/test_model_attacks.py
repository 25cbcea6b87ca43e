"""Attacks on the model and its broker, by the ids of the attack list: M01 to M07."""

import hashlib
import io
import os
import pickle
import time
import zipfile
from pathlib import Path

import kombu
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from kombu.exceptions import ContentDisallowed

from analysis.imaging.breast import prepare_breast
from benchmarks.non_mammograms import MAMMOGRAM, PICTURES
from mammotrack.celery import app
from ml_models import registry
from ml_models.classifier import Classifier
from ml_models.errors import ModelError
from tests.ml_models.conftest import *  # noqa: F403 -- its tiny manifest

WEIGHTS = {"logits/bias": np.zeros(4, np.float32)}


class Payload:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def version(tmp_path, manifest):
    """A registered version, and a way to put other bytes in the place of its weights."""
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)

    def vouch_for(stored: bytes) -> registry.Manifest:
        (tmp_path / saved.version / "weights.npz").write_bytes(stored)
        return registry.dataclasses.replace(saved, sha256=hashlib.sha256(stored).hexdigest())

    return vouch_for


def refusal(manifest, folder) -> str:
    with pytest.raises(ModelError) as error:
        registry.load_weights(manifest, folder=folder)
    return error.value.code


def archive_of(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_m01_a_keras_archive_is_not_loaded(tmp_path, manifest, version):
    lambda_layer = b'{"class_name": "Lambda", "config": {"function": "os.system"}}'
    keras = archive_of({"config.json": lambda_layer, "model.weights.h5": b"\x89HDF"})
    beside = tmp_path / "draft-1"
    beside.mkdir()
    (beside / "model.keras").write_bytes(keras)

    assert [each.version for each in registry.versions(tmp_path)] == ["tiny-1"]
    assert refusal(version(keras), tmp_path) == "unreadable_weights"


def test_m02_an_h5_file_is_not_loaded(tmp_path, version):
    assert refusal(version(b"\x89HDF\r\n\x1a\n" + bytes(2000)), tmp_path) == "unreadable_weights"


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_m03_a_shape_that_is_not_in_the_file_allocates_nothing(tmp_path, version, how):
    header = io.BytesIO()
    claimed = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
    np.lib.format.write_array_header_1_0(header, claimed)
    bomb = version(archive_of({"a.npy": header.getvalue() + bytes(4000)}, how))
    before = time.process_time()

    assert refusal(bomb, tmp_path) == "unreadable_weights"
    assert time.process_time() - before < 1


def test_m04_weights_that_are_not_the_manifests_are_not_loaded(tmp_path, manifest):
    saved = registry.save_version(manifest, WEIGHTS, folder=tmp_path)
    others = registry.save_version(
        manifest, {"logits/bias": np.ones(4, np.float32)}, folder=tmp_path / "other"
    )

    assert saved.sha256 != others.sha256
    assert refusal(registry.dataclasses.replace(saved, sha256=others.sha256), tmp_path) == (
        "hash_mismatch"
    )


def test_m04_a_command_ends_with_3_when_the_model_is_not_the_released_one(tmp_path, monkeypatch):
    changed = registry.load_weights(registry.active_manifest())
    manifest = registry.save_version(registry.active_manifest(), changed, folder=tmp_path)
    weights = tmp_path / manifest.version / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    unusable = Classifier(manifest, folder=tmp_path)
    monkeypatch.setattr("analysis.inference.classifier", lambda: unusable)

    with pytest.raises(CommandError, match="hash_mismatch") as error:
        call_command("classify", str(MAMMOGRAM), "--laterality", "L", "--view", "CC")

    assert error.value.returncode == 3


def test_m05_a_pickle_is_not_loaded(tmp_path, version):
    trap = tmp_path / "sprung"
    objects = io.BytesIO()
    np.save(objects, np.array([Payload(trap)], dtype=object), allow_pickle=True)

    assert refusal(version(pickle.dumps(Payload(trap))), tmp_path) == "unreadable_weights"
    assert refusal(version(archive_of({"a.npy": objects.getvalue()})), tmp_path) == (
        "unreadable_weights"
    )
    assert not trap.exists()


def test_m06_a_pickled_message_is_rejected_unread(tmp_path):
    trap = tmp_path / "sprung"
    with kombu.Connection("memory://") as connection, connection.channel() as channel:
        queue = kombu.Queue("attack", channel=channel)
        queue.declare()
        kombu.Producer(channel, routing_key="attack").publish(
            pickle.dumps(Payload(trap)),
            content_type="application/x-python-serialize",
            content_encoding="binary",
        )
        message = queue.get(accept=app.conf.accept_content)

        with pytest.raises(ContentDisallowed):
            message.decode()

    assert app.conf.accept_content == ["json"]
    assert not trap.exists()


@pytest.mark.parametrize("name", PICTURES)
def test_m07_what_is_no_mammogram_is_not_assessable(name):
    prepared = prepare_breast(PICTURES[name](), spacing_mm=None, laterality=None, view=None)

    answer = Classifier.load().classify(prepared)

    assert not answer.assessable
    assert answer.reasons
    assert answer.abstained
    assert (answer.category, answer.probabilities) == (None, {})
