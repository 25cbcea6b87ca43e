"""Celery's door: housekeeping of the store."""

from celery import shared_task

from scans import limits
from scans.services import object_store


@shared_task(name="scans.sweep_uploads")
def sweep_uploads_task() -> None:
    """Remove what uploads that broke off left behind."""
    object_store().sweep_incoming(older_than=limits.STALE_UPLOAD_AGE)
