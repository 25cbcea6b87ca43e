"""S14: what waits is counted, and a worker that fell silent is said within a minute."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import expect

from analysis import system
from mammotrack.accounts.models import Clinic, User
from tests.browser.visits import NARROW, WIDE, Visits, check
from tests.factories.analysis import make_job
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram

SWEEP_S = 2
START_MS = 40_000


@contextmanager
def running_worker(folder: Path) -> Iterator[None]:
    """A worker of its own process on the test's database, which sweeps every two seconds."""
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "mammotrack", "worker", "--beat"]
    command += ["--concurrency", "1", "--schedule", str(folder / "beat"), "--loglevel", "ERROR"]
    worker = subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
            "MONGODB_DATABASE": connection.settings_dict["NAME"],
            "MAMMOTRACK_VAR_DIR": str(folder),
            "MAMMOTRACK_STORE": str(settings.MEDIA_ROOT),
            "MAMMOTRACK_AUDIT_DIR": str(settings.AUDIT_DIR),
            "ANALYSIS_SWEEP_SECONDS": str(SWEEP_S),
        },
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(30)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "SILENCE", timedelta(seconds=3 * SWEEP_S))


@pytest.mark.slow
def test_s14_a_worker_that_stops_is_said_and_one_that_starts_again_too(
    visit: Visits, clinic: Clinic, doctor: User, silence, tmp_path
):
    page = visit("/system/", user=doctor)
    expect(page.get_by_text("No worker has reported yet.")).to_be_visible()
    delayed = page.get_by_text("Analyses are delayed.")

    with running_worker(tmp_path):
        expect(page.get_by_text("No worker has reported yet.")).to_have_count(0, timeout=START_MS)
        expect(delayed).to_have_count(0)
    expect(delayed).to_be_visible()
    with running_worker(tmp_path):
        expect(delayed).to_have_count(0, timeout=START_MS)


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", WIDE), ("dark", NARROW)])
def test_s14_a_silent_worker_is_said_everywhere_it_matters(
    visit: Visits, clinic: Clinic, doctor: User, scheme, size
):
    visit.tolerated.append("status of 404")  # the pictures of this job are in no store
    system.note_worker("worker@here")
    job = make_job(make_mammogram(make_patient(clinic)))
    page = visit("/system/", user=doctor, scheme=scheme, size=size)
    expect(page.get_by_text("Analyses are delayed.")).to_have_count(0)
    check(page)

    moment = system.now() - system.SILENCE
    system.WorkerSign.objects.update(seen_at=moment)
    page.reload()

    expect(page.get_by_text("Analyses are delayed.")).to_be_visible()
    check(page)
    for path in ("/worklist/", f"/analyses/{job.pk}/"):
        page.goto(f"{visit.url}{path}")
        expect(page.get_by_text("Analyses are delayed").first).to_be_visible()
