"""Why a record takes no entry."""

from mammotrack.errors import Conflict


class RecordMerged(Conflict):
    """The record is part of another one now: ``context["patient_id"]``."""

    code = "patient_merged"


class RecordArchived(Conflict):
    code = "patient_archived"
