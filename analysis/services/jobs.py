"""The life of a job: requested, claimed under a lease, kept alive, finished or swept.

The database owns the job. A broker message is only a hint that there is something to do, so a
lost message costs time and a message delivered twice costs nothing.
"""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection
from django.db.models import F, Q, QuerySet

from analysis import queue
from analysis.choices import JobState
from analysis.models import AnalysisJob, LesionMark
from analysis.versions import current_versions
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, on_commit, retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from mammotrack.models import now
from patients.choices import ConsentPurpose
from patients.consents import require_consent
from patients.services import check_open, touch_record
from scans.models import Mammogram

MAX_ATTEMPTS = 3
HEARTBEATS_PER_LEASE = 4

log = logging.getLogger(__name__)


class IncomparableMammograms(Rejected):
    code = "incomparable_mammograms"


class PatientsSeparated(Conflict):
    """The two pictures belong to two patients since a merge was undone."""

    code = "patients_separated"


class LostClaim(Exception):
    """Somebody else holds the job now; what this worker computed is dropped."""


@dataclass(frozen=True)
class Claim:
    job: AnalysisJob
    holder: str

    @property
    def rows(self) -> QuerySet[AnalysisJob]:
        """The job, as long as this claim holds it."""
        return AnalysisJob.objects.filter(
            pk=self.job.pk, holder=self.holder, state=JobState.RUNNING
        )


@retry_on_conflict
def request_analysis(
    *,
    current: Mammogram,
    prior: Mammogram | None,
    requested_by: User,
    mark: LesionMark | None = None,
) -> tuple[AnalysisJob, bool]:
    """The job for this pair, at this mark or without one, under today's versions; and if it is new.

    A job that failed is queued again; one that is under way or done is answered as it is.

    Raises
    ------
    IncomparableMammograms
        Another patient, breast or view, a prior that is not the earlier one, or a mark that is
        neither on the prior nor of a new lesion on the current picture.
    ConsentWithdrawn
        The patient does not allow analysis by computer.
    """
    require(requested_by, Permission.REQUEST_ANALYSES)
    check_open(current.patient_id)
    require_consent(current.patient_id, ConsentPurpose.AI)
    check_comparable(current=current, prior=prior)
    if mark is not None and not _lies_on_pair(mark, current=current, prior=prior):
        raise IncomparableMammograms(
            "The mark lies neither on the prior nor, as a new lesion, on the current picture.",
            code="mark_of_another_picture",
        )
    return enqueue(current=current, prior=prior, mark=mark, requested_by=requested_by)


def _lies_on_pair(mark: LesionMark, *, current: Mammogram, prior: Mammogram | None) -> bool:
    if prior is None:
        return False
    return mark.mammogram_id == prior.pk or (mark.is_new and mark.mammogram_id == current.pk)


def check_comparable(*, current: Mammogram, prior: Mammogram | None) -> None:
    if prior is None:
        return
    if prior.patient_id != current.patient_id:
        raise IncomparableMammograms(
            "The pictures are of different patients.", code="patient_mismatch"
        )
    if prior.laterality != current.laterality:
        raise IncomparableMammograms(
            "The pictures show different breasts.", code="laterality_mismatch"
        )
    if prior.view != current.view:
        raise IncomparableMammograms("The pictures are different views.", code="view_mismatch")
    if prior.exam_date >= current.exam_date:
        raise IncomparableMammograms("The prior is not the earlier picture.", code="date_order")


def check_one_patient(job: AnalysisJob) -> None:
    if job.prior and job.prior.patient_id != job.current.patient_id:
        raise PatientsSeparated(
            "The two pictures were of one record when this was computed and are of two now. "
            "What was found is void; analyse the pictures anew."
        )


def enqueue(
    *,
    current: Mammogram,
    prior: Mammogram | None,
    requested_by: User,
    mark: LesionMark | None = None,
) -> tuple[AnalysisJob, bool]:
    """Insert the job, or find the one with the same key; queue a hint after the commit."""
    key = _key(current, prior, mark)
    job = AnalysisJob.objects.filter(key=key).first()
    if job is None:
        return _insert(key, current, prior, mark, requested_by)
    if job.state == JobState.FAILED and _requeue_failed(job):
        on_commit(partial(queue.hint, job.pk))
        job.refresh_from_db()
    return job, False


def _insert(
    key: str,
    current: Mammogram,
    prior: Mammogram | None,
    mark: LesionMark | None,
    requested_by: User,
) -> tuple[AnalysisJob, bool]:
    job = AnalysisJob(
        clinic_id=current.clinic_id,
        patient_id=current.patient_id,
        key=key,
        current=current,
        prior=prior,
        mark=mark,
        requested_by=requested_by,
        lease_until=now() + settings.ANALYSIS_LEASE,
    )
    try:
        with atomic():
            job.patient_id = Mammogram.objects.values_list("patient_id", flat=True).get(
                pk=current.pk  # a merge may have moved it since it was read
            )
            touch_record(job.patient_id)
            job.save(force_insert=True)
            _record(Action.ANALYSIS_REQUESTED, job, actor=requested_by)
            on_commit(partial(queue.hint, job.pk))
    except IntegrityError:
        return AnalysisJob.objects.get(key=key), False
    return job, True


def _key(current: Mammogram, prior: Mammogram | None, mark: LesionMark | None) -> str:
    versions = current_versions()
    return ":".join(
        [
            current.pk.hex,
            prior.pk.hex if prior else "alone",
            *([mark.pk.hex] if mark else []),
            versions.model,
            versions.preparation,
            versions.algorithm,
            versions.rules,
        ]
    )


def _requeue_failed(job: AnalysisJob) -> bool:
    return bool(
        AnalysisJob.objects.filter(pk=job.pk, state=JobState.FAILED).update(
            state=JobState.QUEUED,
            attempt=0,
            holder="",
            error_code="",
            finished_at=None,
            lease_until=now() + settings.ANALYSIS_LEASE,
        )
    )


def claim(job_id: UUID) -> Claim | None:
    """Take the job, by one conditional write: MongoDB has no row locks."""
    holder, moment = uuid.uuid4().hex, now()
    free = Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, lease_until__lt=moment)
    taken = AnalysisJob.objects.filter(free, pk=job_id, attempt__lt=MAX_ATTEMPTS).update(
        state=JobState.RUNNING,
        holder=holder,
        attempt=F("attempt") + 1,
        lease_until=moment + settings.ANALYSIS_LEASE,
    )
    if not taken:
        return None
    job = AnalysisJob.objects.select_related("current", "prior", "patient", "mark").get(pk=job_id)
    return Claim(job, holder) if job.holder == holder else None


@contextmanager
def heartbeat(claim: Claim) -> Iterator[None]:
    """Renew the lease from a thread for as long as the block runs."""
    stop = threading.Event()
    pause = settings.ANALYSIS_LEASE.total_seconds() / HEARTBEATS_PER_LEASE

    def beat() -> None:
        while not stop.wait(pause):
            try:
                claim.rows.update(lease_until=now() + settings.ANALYSIS_LEASE)
            except DatabaseError:
                log.warning("heartbeat missed for job %s", claim.job.pk)
        connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def finish(claim: Claim, *, state: JobState, error_code: str = "") -> None:
    """Close the job inside the caller's transaction; ``LostClaim`` undoes what it wrote."""
    closed = claim.rows.update(state=state, error_code=error_code, finished_at=now(), holder="")
    if not closed:
        raise LostClaim(str(claim.job.pk))


@retry_on_conflict
def fail(claim: Claim, error_code: str) -> None:
    with atomic():
        finish(claim, state=JobState.FAILED, error_code=error_code)
        _record(Action.ANALYSIS_FAILED, claim.job, actor=None, error_code=error_code)


def give_back(claim: Claim) -> None:
    """After an unforeseen error: another attempt if one is left, else failed for all to see."""
    if claim.job.attempt >= MAX_ATTEMPTS:
        fail(claim, "gave_up")
        return
    if claim.rows.update(state=JobState.QUEUED, holder="", lease_until=now()):
        queue.hint(claim.job.pk)


def sweep() -> int:
    """Hint again for every job whose lease ran out, and close those out of attempts."""
    overdue = AnalysisJob.objects.filter(
        state__in=[JobState.QUEUED, JobState.RUNNING], lease_until__lt=now()
    )
    for job in overdue.filter(attempt__gte=MAX_ATTEMPTS):
        _close_exhausted(job)
    hinted = 0
    for job_id in overdue.filter(attempt__lt=MAX_ATTEMPTS).values_list("pk", flat=True)[:200]:
        AnalysisJob.objects.filter(pk=job_id, state=JobState.QUEUED).update(
            lease_until=now() + settings.ANALYSIS_LEASE
        )
        queue.hint(job_id)
        hinted += 1
    return hinted


@retry_on_conflict
def _close_exhausted(job: AnalysisJob) -> None:
    with atomic():
        closed = AnalysisJob.objects.filter(
            pk=job.pk, holder=job.holder, state=job.state, lease_until__lt=now()
        ).update(state=JobState.FAILED, error_code="gave_up", finished_at=now(), holder="")
        if closed:
            _record(Action.ANALYSIS_FAILED, job, actor=None, error_code="gave_up")


def _record(action: Action, job: AnalysisJob, *, actor: User | None, **detail: Any) -> None:
    audit.record(
        action,
        subject=job,
        clinic_id=job.clinic_id,
        patient_id=job.patient_id,
        actor=actor,
        **detail,
    )
