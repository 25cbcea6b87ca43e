"""Celery's door: what ends by itself."""

from celery import shared_task

from patients.services import end_lapsed


@shared_task(name="patients.end_emergencies")
def end_emergencies_task() -> None:
    """Put the end of lapsed emergency accesses on the trail."""
    end_lapsed()
