"""The hint that work waits, by the name of the task: who queues does not know who runs."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def hint(task: str, *args: str) -> None:
    """A broker that does not answer only delays: what waits is looked for again, by the clock."""
    try:
        current_app.send_task(task, args=args)
    except (OperationalError, OSError):
        log.warning("broker unreachable, %s waits", " ".join([task, *args]))
