"""Celery's door. A task takes an id, calls one service and lets it raise."""

from uuid import UUID

from celery import shared_task

from analysis.queue import RUN_ANALYSIS
from analysis.services.jobs import sweep
from analysis.services.run import run_job


@shared_task(name=RUN_ANALYSIS)
def run_analysis_task(job_id: str) -> None:
    """Run one job. Delivered twice, it runs once: the service claims it first."""
    run_job(UUID(job_id))


@shared_task(name="analysis.sweep")
def sweep_task() -> None:
    """Take up jobs whose worker died or whose message was lost."""
    sweep()
