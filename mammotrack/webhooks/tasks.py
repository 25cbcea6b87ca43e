"""Celery's door: send what is due. The broker carries no more than the hint."""

from celery import shared_task

from mammotrack.webhooks import services


@shared_task(name=services.DELIVER)
def deliver_task() -> None:
    services.deliver_due()
