"""The life of a job on a real database: one claim, one result, nothing stuck."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connection

from analysis.choices import JobState
from analysis.models import AnalysisJob
from analysis.services import jobs
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.db import atomic
from mammotrack.errors import Forbidden
from mammotrack.models import now
from scans.models import Mammogram
from tests.factories.accounts import make_user
from tests.factories.analysis import make_job
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(hours=1)


def test_request_makes_one_job_and_one_hint(hints):
    prior, current = make_pair()
    doctor = make_user(Role.DOCTOR)

    first, created = jobs.request_analysis(current=current, prior=prior, requested_by=doctor)
    second, again = jobs.request_analysis(current=current, prior=prior, requested_by=doctor)

    assert (created, again) == (True, False)
    assert first.pk == second.pk
    assert hints == [str(first.pk)]
    assert AuditEntry.objects.get().action == Action.ANALYSIS_REQUESTED


def test_C01_a_hundred_requests_at_once_make_one_job(hints):
    prior, current = make_pair()
    doctor = make_user(Role.DOCTOR)

    def request(_: int) -> str:
        try:
            job, _created = jobs.request_analysis(current=current, prior=prior, requested_by=doctor)
            return str(job.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(request, range(100)))

    assert answers == {str(AnalysisJob.objects.get().pk)}
    assert hints == list(answers)
    assert AuditEntry.objects.count() == 1


def test_C02_a_pair_turned_round_is_refused_and_leaves_one_job_in_the_order_of_dates(hints):
    prior, current = make_pair()
    doctor = make_user(Role.DOCTOR)

    def request(pair: tuple[Mammogram, Mammogram]) -> str:
        try:
            jobs.request_analysis(prior=pair[0], current=pair[1], requested_by=doctor)
        except jobs.IncomparableMammograms as refusal:
            return refusal.problem_code
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(request, [(prior, current), (current, prior)] * 10))

    assert answers == ["made", "date_order"] * 10
    job = AnalysisJob.objects.get()
    assert (job.prior_id, job.current_id) == (prior.pk, current.pk)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"laterality": "R"}, "laterality_mismatch"),
        ({"view": "MLO"}, "view_mismatch"),
        ({"exam_date": date(2024, 7, 5)}, "date_order"),
    ],
)
def test_request_refuses_a_pair_that_does_not_match(hints, other, code):
    patient = make_patient()
    prior = make_mammogram(patient, **{"exam_date": date(2024, 1, 5)} | other)
    current = make_mammogram(patient, exam_date=date(2024, 7, 5))

    with pytest.raises(jobs.IncomparableMammograms) as refusal:
        jobs.request_analysis(current=current, prior=prior, requested_by=make_user(Role.DOCTOR))

    assert refusal.value.problem_code == code
    assert not AnalysisJob.objects.exists()
    assert hints == []


def test_request_refuses_two_patients(hints):
    prior, _ = make_pair()
    _, current = make_pair()

    with pytest.raises(jobs.IncomparableMammograms) as refusal:
        jobs.request_analysis(current=current, prior=prior, requested_by=make_user(Role.DOCTOR))

    assert refusal.value.problem_code == "patient_mismatch"
    assert hints == []


def test_request_needs_the_role(hints):
    prior, current = make_pair()

    with pytest.raises(Forbidden):
        jobs.request_analysis(
            current=current, prior=prior, requested_by=make_user(Role.RECEPTIONIST)
        )

    assert hints == []


def test_C03_a_job_is_claimed_once_by_many():
    job = make_job(make_mammogram())

    def claim(_: int) -> bool:
        try:
            return jobs.claim(job.pk) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(claim, range(16)))

    assert claims.count(True) == 1
    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)


def test_C11_a_lapsed_lease_is_taken_over_and_the_old_holder_cannot_finish():
    job = make_job(make_mammogram())
    dead = jobs.claim(job.pk)
    AnalysisJob.objects.update(lease_until=now() - LONG_AGO)

    alive = jobs.claim(job.pk)

    assert alive.job.attempt == 2
    with pytest.raises(jobs.LostClaim), atomic():
        jobs.finish(dead, state=JobState.DONE)
    job.refresh_from_db()
    assert (job.state, job.holder) == (JobState.RUNNING, alive.holder)


def test_heartbeat_keeps_the_lease(settings):
    settings.ANALYSIS_LEASE = timedelta(seconds=0.4)
    job = make_job(make_mammogram())
    claim = jobs.claim(job.pk)
    AnalysisJob.objects.update(lease_until=now() - LONG_AGO)

    with jobs.heartbeat(claim):
        deadline = now() + timedelta(seconds=10)
        while job.lease_until < now() - LONG_AGO / 2 or job.lease_until == claim.job.lease_until:
            assert now() < deadline
            job.refresh_from_db()

    assert job.lease_until > claim.job.lease_until - LONG_AGO


def test_sweep_hints_again_and_closes_exhausted_jobs(hints):
    mammogram = make_mammogram()
    overdue = now() - LONG_AGO
    lost = make_job(mammogram, lease_until=overdue)
    died = make_job(mammogram, state=JobState.RUNNING, attempt=1, holder="x", lease_until=overdue)
    spent = make_job(mammogram, state=JobState.RUNNING, attempt=3, holder="y", lease_until=overdue)
    alive = make_job(mammogram, state=JobState.RUNNING, holder="z", lease_until=now() + LONG_AGO)
    done = make_job(mammogram, state=JobState.DONE, lease_until=overdue)

    assert jobs.sweep() == 2

    assert sorted(hints) == sorted([str(lost.pk), str(died.pk)])
    for job, state, code in [
        (spent, JobState.FAILED, "gave_up"),
        (alive, JobState.RUNNING, ""),
        (done, JobState.DONE, ""),
    ]:
        job.refresh_from_db()
        assert (job.state, job.error_code) == (state, code)
    assert AuditEntry.objects.get().action == Action.ANALYSIS_FAILED


def test_an_unforeseen_error_gives_the_job_back_until_attempts_run_out(hints):
    job = make_job(make_mammogram())

    for _ in range(jobs.MAX_ATTEMPTS):
        jobs.give_back(jobs.claim(job.pk))

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "gave_up")
    assert hints == [str(job.pk)] * (jobs.MAX_ATTEMPTS - 1)
    assert jobs.claim(job.pk) is None


def test_a_failed_job_is_queued_again_on_request(hints):
    prior, current = make_pair()
    doctor = make_user(Role.DOCTOR)
    job, _ = jobs.request_analysis(current=current, prior=prior, requested_by=doctor)
    jobs.fail(jobs.claim(job.pk), "unreadable")

    again, created = jobs.request_analysis(current=current, prior=prior, requested_by=doctor)

    assert (again.pk, again.state, again.error_code, created) == (
        job.pk,
        JobState.QUEUED,
        "",
        False,
    )
    assert hints == [str(job.pk)] * 2
