"""The hint that a job waits, by the name of the task: who queues does not know who runs."""

import logging
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

RUN_ANALYSIS = "analysis.run"

log = logging.getLogger(__name__)


def hint(job_id: UUID) -> None:
    """A broker that does not answer only delays: the sweeper hints again."""
    try:
        current_app.send_task(RUN_ANALYSIS, args=[str(job_id)])
    except (OperationalError, OSError):
        log.warning("broker unreachable, job %s waits for the sweeper", job_id)
