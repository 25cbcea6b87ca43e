"""How the analyses stand: what waits, whether a worker lives, and with what it works."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError

from analysis.choices import JobState
from analysis.models import AnalysisJob, WorkerSign
from analysis.versions import Versions, current_versions
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.models import now

SILENCE = timedelta(seconds=45)  # three times the sweep, which is a worker's sign of life


@dataclass(frozen=True)
class SystemState:
    queued: int
    running: int
    failed_today: int
    oldest_since: datetime | None
    workers: list[WorkerSign]
    is_delayed: bool
    versions: Versions


def note_worker(name: str) -> None:
    """A worker says that it lives."""
    try:
        WorkerSign.objects.update_or_create(name=name, defaults={"seen_at": now()})
    except IntegrityError:  # two of one name began at once: the other has said it
        return


def is_delayed() -> bool:
    """Whether analyses wait for a worker: none was heard of lately, and none holds a job."""
    moment = now()
    newest = WorkerSign.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
    if newest and newest >= moment - SILENCE:
        return False
    if AnalysisJob.objects.filter(state=JobState.RUNNING, lease_until__gt=moment).exists():
        return False
    waiting = AnalysisJob.objects.filter(
        state=JobState.QUEUED, created_at__lt=moment - timedelta(seconds=15)
    )
    return newest is not None or waiting.exists()


def system_state(reader: User) -> SystemState:
    """Numbers only: whose pictures wait is the worklist's."""
    require(reader, Permission.SEE_SYSTEM)
    moment = now()
    queued = AnalysisJob.objects.filter(state=JobState.QUEUED)
    oldest = queued.order_by("created_at").values_list("created_at", flat=True).first()
    return SystemState(
        queued=queued.count(),
        running=AnalysisJob.objects.filter(state=JobState.RUNNING).count(),
        failed_today=AnalysisJob.objects.filter(
            state=JobState.FAILED, finished_at__gte=moment - timedelta(days=1)
        ).count(),
        oldest_since=oldest,
        workers=list(WorkerSign.objects.order_by("-seen_at")[:20]),
        is_delayed=is_delayed(),
        versions=current_versions(),
    )
