"""Records that were made one."""

from uuid import UUID

from django.db.models import QuerySet

from mammotrack.errors import NotFound
from patients.models import Patient, PatientMerge


def all_merges_into(patient: Patient) -> QuerySet[PatientMerge]:
    """The merges into this record, the undone ones too, newest first."""
    return (
        PatientMerge.objects.filter(survivor=patient)
        .select_related("merged", "merged_by")
        .order_by("-created_at", "-pk")
    )


def merges_into(patient: Patient) -> QuerySet[PatientMerge]:
    """Those that still hold."""
    return all_merges_into(patient).filter(undone_at=None)


def merge_of(patient: Patient, merge_id: UUID) -> PatientMerge:
    """The merge into this record, or ``NotFound``."""
    merge = (
        PatientMerge.objects.filter(survivor=patient, pk=merge_id)
        .select_related("survivor", "merged", "merged_by")
        .first()
    )
    if merge is None:
        raise NotFound("There is no such merge.")
    return merge
