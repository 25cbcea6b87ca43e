"""Celery's door. A task takes an id, calls one service and lets it raise."""

from uuid import UUID

from celery import Task, shared_task

from analysis.queue import RUN_ANALYSIS
from analysis.services.jobs import sweep
from analysis.services.run import run_job
from analysis.services.samples import LOAD_SAMPLE, load_sample
from analysis.system import note_worker


@shared_task(name=RUN_ANALYSIS)
def run_analysis_task(job_id: str) -> None:
    """Run one job. Delivered twice, it runs once: the service claims it first."""
    run_job(UUID(job_id))


@shared_task(name="analysis.sweep", bind=True)
def sweep_task(self: Task) -> None:
    """Take up jobs whose worker died or whose message was lost; a sign of life besides."""
    note_worker(self.request.hostname or "worker")
    sweep()


@shared_task(name=LOAD_SAMPLE)
def load_sample_task(number: str) -> None:
    """Load one sample patient. Delivered twice, it completes what is there."""
    load_sample(number)
