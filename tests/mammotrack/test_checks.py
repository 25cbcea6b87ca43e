"""One sentence for each thing that is wrong with the machine."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote_plus

import numpy as np
import pytest
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DEFAULT_DB_ALIAS, connections
from pymongo import MongoClient
from pytest_django import Settings

from mammotrack import checks
from mammotrack.embedded import find_mongod
from ml_models import registry
from ml_models.calibration import Calibration, Platt

NOBODY = "mongodb://127.0.0.1:9/"  # the discard port, where nobody listens


def found(messages: list[CheckMessage]) -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in messages]


def database_problems() -> list[tuple[str | None, str]]:
    return found(checks.check_database(databases=[DEFAULT_DB_ALIAS]))


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    """Sets the address of the database, as MONGODB_URI does."""
    settings.MONGODB_EMBEDDED = False
    return lambda uri: monkeypatch.setitem(connections.settings[DEFAULT_DB_ALIAS], "HOST", uri)


@pytest.fixture
def nobody(address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PATIENCE_MS", 100)
    address(NOBODY)


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("standalone")
    socket = folder / "mongodb-27017.sock"
    command = [find_mongod(), "--dbpath", folder, "--bind_ip", socket]
    command += ["--unixSocketPrefix", folder, "--logpath", folder / "log"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        uri = f"mongodb://{quote_plus(str(socket))}/"
        with MongoClient(uri) as client:
            client.admin.command("ping")  # pymongo waits until it answers
        yield uri
        server.terminate()


class TestDatabase:
    def test_good_server(self, mongo_server: str, address) -> None:
        address(mongo_server)
        assert database_problems() == []

    def test_nobody_there(self, address) -> None:
        address(NOBODY)
        started = time.monotonic()
        assert database_problems() == [
            ("mammotrack.E001", "No MongoDB server answers at 127.0.0.1:9: see MONGODB_URI."),
        ]
        assert time.monotonic() - started < 20  # pymongo itself would wait for thirty

    @pytest.mark.usefixtures("nobody")
    def test_embedded_server_not_running(self, settings: Settings) -> None:
        settings.MONGODB_EMBEDDED = True
        assert database_problems() == [
            (
                "mammotrack.E001",
                "The embedded MongoDB server is not running: start it with `manage.py serve`, or "
                "for one command with `python -m mammotrack.embedded COMMAND`.",
            ),
        ]

    def test_standalone_server(self, standalone: str, address) -> None:
        address(standalone)
        ((number, sentence),) = database_problems()
        assert number == "mammotrack.E003"
        assert sentence.endswith(
            "is a standalone server, which has no transactions: make it a replica set "
            "(one member is enough)."
        )

    def test_old_server(self, mongo_server: str, address, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "MINIMUM_SERVER", (99, 1))
        address(mongo_server)
        ((number, sentence),) = database_problems()
        assert number == "mammotrack.E004"
        assert sentence.endswith("is 6.0.5; 99.1 or later is needed.")

    def test_refused_user(self, standalone: str, address) -> None:
        address(standalone.replace("mongodb://", "mongodb://somebody:hidden-word@"))
        ((number, sentence),) = database_problems()
        assert number == "mammotrack.E002"
        assert sentence.endswith("refuses the user of MONGODB_URI.")
        assert "hidden-word" not in sentence

    @pytest.mark.parametrize(
        "uri", ["postgres://server/", "mongodb://user:hidden/word@server/", "mongodb://a:b:c/"]
    )
    def test_no_address(self, uri: str, address) -> None:
        address(uri)
        assert database_problems() == [
            ("mammotrack.E002", "MONGODB_URI is not an address of a MongoDB server."),
        ]

    @pytest.mark.usefixtures("nobody")
    def test_is_asked_only_when_the_database_is_checked(self) -> None:
        assert checks.check_database() == []

    @pytest.mark.parametrize(
        ("command", "options"), [("check", {}), ("migrate", {"skip_checks": False})]
    )
    @pytest.mark.usefixtures("nobody")
    def test_commands_end_with_the_sentence(self, command: str, options: dict[str, bool]) -> None:
        with pytest.raises(SystemCheckError) as raised:
            call_command(command, **options)
        assert "No MongoDB server answers at 127.0.0.1:9: see MONGODB_URI." in str(raised.value)


class TestStorage:
    def test_folder_that_can_be_made(self, settings: Settings, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path / "var" / "store"
        assert checks.check_storage() == []
        assert list(tmp_path.iterdir()) == []

    def test_file_in_its_place(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "var").touch()
        settings.MEDIA_ROOT = tmp_path / "var" / "store"
        assert found(checks.check_storage()) == [
            (
                "mammotrack.E005",
                f"Mammograms cannot be stored: {tmp_path}/var is not a writable folder.",
            ),
        ]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_folder_without_permission(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir(mode=0o500)
        settings.MEDIA_ROOT = tmp_path / "store"
        assert [number for number, _ in found(checks.check_storage())] == ["mammotrack.E005"]


class TestModel:
    @pytest.fixture
    def weights(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The weights file of the one active version, in a registry of this test's own."""
        real = {"load_weights": registry.load_weights, "active_manifest": registry.active_manifest}
        for name, function in real.items():
            monkeypatch.setattr(registry, name, partial(function, folder=tmp_path))
        calibration = Calibration(
            temperature=1.0,
            suspicious=Platt(slope=1.0, intercept=0.0),
            set_thresholds=(0.5,) * 5,
        )
        manifest = registry.Manifest(
            version="test-1",
            state="active",
            architecture="paper-cnn",
            sha256="",
            input_shape=(8, 8),
            preparation_version="1",
            classes=("2", "3", "4", "5", "6"),
            evidence="",
            calibration=calibration,
            coverage=0.9,
            licence="",
            seed=0,
            data={},
            metrics={},
        )
        registry.save_version(manifest, {"bias": np.zeros(5, np.float32)}, folder=tmp_path)
        return tmp_path / "test-1" / "weights.npz"

    @pytest.mark.usefixtures("weights")
    def test_intact(self) -> None:
        assert checks.check_model() == []

    def test_changed(self, weights: Path) -> None:
        weights.write_bytes(weights.read_bytes() + b"x")
        ((number, sentence),) = found(checks.check_model())
        assert number == "mammotrack.W001"
        assert sentence.startswith(
            "Mammograms cannot be classified: The weights of test-1 should have SHA-256 "
        )

    def test_missing(self, weights: Path) -> None:
        weights.unlink()
        assert found(checks.check_model()) == [
            (
                "mammotrack.W001",
                "Mammograms cannot be classified: Model test-1 has no weights file.",
            ),
        ]

    def test_does_not_load_tensorflow(self) -> None:
        program = (
            "import sys; from mammotrack import checks; checks.check_model(); "
            "print(*{'tensorflow', 'keras', 'cv2', 'skimage'} & set(sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "\n"
