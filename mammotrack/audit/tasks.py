"""Celery's door: what waits is chained, and heads are anchored."""

from celery import shared_task

from mammotrack.audit import anchors, spool


@shared_task(name="audit.drain")
def drain_task() -> None:
    """Move the reads of this machine into their chains."""
    spool.drain()


@shared_task(name="audit.anchor")
def anchor_task() -> None:
    """Sign the head of every chain."""
    anchors.anchor_all()
