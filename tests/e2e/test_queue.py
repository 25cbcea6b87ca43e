"""The queue of the running platform: many askers, many deliveries, one result, nothing but ids."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from analysis.choices import JobState
from analysis.models import AnalysisJob, Comparison, Prediction, Recommendation
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from scans.models import Mammogram
from tests.e2e.test_canary import Messages, Visitor
from tests.e2e.test_faults import store_picture
from tests.factories.accounts import make_token, make_user
from tests.factories.patients import make_patient
from tests.platform import RunningPlatform, running_platform, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

REQUESTS, DELIVERIES = 100, 50
ANALYSED_S = 120
ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def platform(mongo_server: str, store) -> Iterator[RunningPlatform]:
    """Its sweeper sleeps: a job runs because somebody asked for it."""
    with running_platform(mongo_uri=mongo_server, ANALYSIS_SWEEP_SECONDS="3600") as running:
        yield running


@pytest.fixture
def pair(platform, hints) -> tuple[Mammogram, Mammogram]:
    """A pair that nobody asked for: between the two lies a third picture."""
    patient = make_patient()
    taken = [store_picture(patient, date(2024, month, 5), seed=month) for month in (1, 4, 7)]
    return taken[0], taken[2]


def test_C01_C03_C12_many_askers_and_deliveries_make_one_result(platform, pair):
    prior, current = pair
    doctor = make_user(Role.DOCTOR, clinics=[prior.clinic])
    _, token = make_token(doctor)
    body = {"current": str(current.pk), "prior": str(prior.pk)}
    asked: Any = AnalysisJob.objects.filter(current=current, prior=prior)
    messages = Messages(platform.folder / "broker")

    def ask(_: int) -> int:
        return Visitor(platform, token).api("/analyses/", body)[0]

    with messages:
        with ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(ask, range(REQUESTS)))
        wait_until(lambda: hints_in(messages), within_s=ANALYSED_S)
        deliver_again(platform, messages)
        wait_until(lambda: asked.get().state == JobState.DONE, within_s=ANALYSED_S)
        wait_until(lambda: not waiting(platform), within_s=ANALYSED_S)

    job = asked.get()
    assert set(statuses) == {202}
    assert job.attempt == 1
    assert Recommendation.objects.get().job_id == job.pk
    assert (Comparison.objects.count(), Prediction.objects.count()) == (1, 2)
    of_the_job = AuditEntry.objects.filter(object_id=job.pk)
    assert of_the_job.filter(action=Action.ANALYSIS_REQUESTED).count() == 1
    assert of_the_job.filter(action=Action.ANALYSIS_DONE).count() == 1
    for headers, arguments, named in map(content_of, messages.seen.values()):
        assert named == {}
        assert all(re.fullmatch(ID, argument) for argument in arguments)
        assert set(re.sub(ID, "", headers["argsrepr"])) <= set("()[]',")


def content_of(message: bytes) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Headers and the task's arguments, by position and by name."""
    envelope = json.loads(message)
    arguments, named, _ = json.loads(b64decode(envelope["body"]))
    return envelope["headers"], arguments, named


def hints_in(messages: Messages) -> list[bytes]:
    return [text for text in list(messages.seen.values()) if b"analysis.run" in text]


def deliver_again(platform: RunningPlatform, messages: Messages) -> None:
    """Put the broker's message back into its folder, under new names."""
    [hint] = hints_in(messages)
    folder = platform.folder / "broker" / "messages"
    for number in range(DELIVERIES):
        draft = folder / f"{number}.draft"
        draft.write_bytes(hint)
        draft.rename(folder / f"9{number:018}_copy.analysis.msg")


def waiting(platform: RunningPlatform) -> list[str]:
    return [path.name for path in (platform.folder / "broker").rglob("*_copy.analysis.msg")]
