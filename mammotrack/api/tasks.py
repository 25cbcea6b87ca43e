"""Celery's door: requests that were remembered long enough."""

from celery import shared_task

from mammotrack.api import idempotency


@shared_task(name="api.forget_requests")
def forget_requests_task() -> None:
    idempotency.forget()
