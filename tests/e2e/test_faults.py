"""Processes that are killed: nothing is lost, nothing is double, nothing stays stuck."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from analysis.choices import JobState
from analysis.models import AnalysisJob, Comparison, Prediction, Recommendation
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from patients.models import Patient
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests.factories.accounts import make_token, make_user
from tests.factories.patients import make_patient
from tests.phantoms import phantom
from tests.platform import RunningPlatform, running_platform, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

STUCK_S = 120


@pytest.fixture
def platform(mongo_server: str, store) -> Iterator[RunningPlatform]:
    with running_platform(
        mongo_uri=mongo_server, ANALYSIS_LEASE_SECONDS="4", ANALYSIS_SWEEP_SECONDS="2"
    ) as running:
        yield running


def picture(seed: int, **positioning: Any) -> bytes:
    pixels = np.round(phantom(seed, **positioning).pixels * 255).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def store_pair(patient: Patient) -> None:
    for shift_mm, day in (((0, 0), date(2024, 1, 5)), ((3, 2), date(2024, 7, 5))):
        store_picture(patient, day, seed=1, shift_mm=shift_mm)


def store_picture(patient: Patient, day: date, *, seed: int, **positioning: Any) -> Mammogram:
    return store_mammogram(
        patient=patient,
        chunks=[picture(seed, **positioning)],
        statement=Statement(
            laterality="L",
            view="CC",
            exam_date=day,
            confirmed_identifiers=("name", "birth_date"),
        ),
        stored_by=make_user(Role.DOCTOR, clinics=[patient.clinic]),
    ).mammogram


def test_a_killed_worker_loses_and_doubles_nothing(platform, hints):
    """The broker is left out on purpose: its message may be lost, the sweeper finds the job."""
    store_pair(make_patient())
    wait_until(
        lambda: AnalysisJob.objects.filter(state=JobState.RUNNING).exists(), within_s=STUCK_S
    )

    platform.kill("celery")

    wait_until(
        lambda: set(AnalysisJob.objects.values_list("state", flat=True)) == {JobState.DONE},
        within_s=STUCK_S,
    )
    jobs = AnalysisJob.objects.all()
    assert max(job.attempt for job in jobs) == 2
    assert len(jobs) == Recommendation.objects.count() == 2
    assert Prediction.objects.count() == 2
    assert Comparison.objects.count() == 1
    assert AuditEntry.objects.filter(action=Action.ANALYSIS_DONE).count() == 2


def test_a_web_server_killed_during_an_upload_stores_nothing_and_comes_back(platform, store):
    patient = make_patient()
    _, token = make_token(make_user(Role.RADIOGRAPHER, clinics=[patient.clinic]))
    body, content_type = form(patient, picture(3))

    with upload(platform, token, content_type, len(body), key="broken-upload") as broken:
        broken.send(body[: len(body) // 2])
        platform.kill("gunicorn")
        with pytest.raises((http.client.HTTPException, OSError)):
            broken.getresponse()

    assert not Mammogram.objects.exists()
    assert not (store.root / "objects").exists()

    wait_until(lambda: answers(platform), within_s=STUCK_S)
    for key, expected, replayed in (
        ("broken-upload", 201, None),
        ("broken-upload", 201, "true"),
        ("another-upload", 200, None),
    ):
        with upload(platform, token, content_type, len(body), key=key) as again:
            again.send(body)
            answer = again.getresponse()
            assert (answer.status, answer.getheader("Idempotent-Replayed")) == (expected, replayed)
    assert Mammogram.objects.get().patient_id == patient.pk


def form(patient: Patient, content: bytes) -> tuple[bytes, str]:
    fields = [
        ("patient", str(patient.pk)),
        ("laterality", "L"),
        ("view", "CC"),
        ("exam_date", "2024-01-05"),
        ("confirmed_identifiers", "name"),
        ("confirmed_identifiers", "birth_date"),
    ]
    boundary = "phantom"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = 'Content-Disposition: form-data; name="file"; filename="x.png"'
    parts.append(f"--{boundary}\r\n{head}\r\nContent-Type: image/png\r\n\r\n".encode())
    body = b"".join(parts) + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


@contextmanager
def connection(platform: RunningPlatform) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection(urlsplit(platform.url).netloc, timeout=60)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def upload(
    platform: RunningPlatform, token: str, content_type: str, length: int, *, key: str
) -> Iterator[http.client.HTTPConnection]:
    """A request that has said what it is about to send."""
    with connection(platform) as client:
        client.putrequest("POST", "/api/v1/mammograms/")
        client.putheader("Authorization", f"Bearer {token}")
        client.putheader("Idempotency-Key", key)
        client.putheader("Content-Type", content_type)
        client.putheader("Content-Length", str(length))
        client.endheaders()
        yield client


def answers(platform: RunningPlatform) -> bool:
    with connection(platform) as client:
        try:
            client.request("HEAD", "/sign-in/")
            return client.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
