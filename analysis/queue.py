"""The hint that a job waits."""

from uuid import UUID

from mammotrack import queue

RUN_ANALYSIS = "analysis.run"


def hint(job_id: UUID) -> None:
    queue.hint(RUN_ANALYSIS, str(job_id))
