"""Celery's door. A task takes an id, calls one service and lets it raise."""

from uuid import UUID

from celery import shared_task


@shared_task(name="analysis.run")
def run_analysis_task(job_id: str) -> None:
    """Run one job. Delivered twice, it runs once: the service claims it first."""
    from analysis.services.run import run_job  # noqa: PLC0415 -- services import this module

    run_job(UUID(job_id))


@shared_task(name="analysis.sweep")
def sweep_task() -> None:
    """Take up jobs whose worker died or whose message was lost."""
    from analysis.services.jobs import sweep  # noqa: PLC0415 -- services import this module

    sweep()
