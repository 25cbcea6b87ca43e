"""What every test may use. Most tests need none of it."""

import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import caches

pytest_plugins = ["tests.mongo"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test first: at the end no worker is left alone with one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_sessionfinish() -> None:
    shutil.rmtree(settings.VAR_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_attempts_counted():
    """Each test starts with none of the limits used up."""
    for alias in settings.CACHES:
        caches[alias].clear()


@pytest.fixture(autouse=True)
def audit_dir(tmp_path_factory: pytest.TempPathFactory, settings) -> Path:
    """Keys, spool and heads of this test's own: they outlive no database."""
    settings.AUDIT_DIR = tmp_path_factory.mktemp("audit")
    return settings.AUDIT_DIR


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings):
    """An object store of this test's own."""
    from scans import services

    settings.MEDIA_ROOT = tmp_path / "store"
    services.object_store.cache_clear()
    yield services.object_store()
    services.object_store.cache_clear()


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Job ids that were hinted to the broker: the queue is the one thing not run for real here."""
    from analysis import queue

    sent: list[str] = []
    monkeypatch.setattr(queue, "hint", lambda job_id: sent.append(str(job_id)))
    return sent
