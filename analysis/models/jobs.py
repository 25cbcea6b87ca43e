"""Requested analyses, and the signs of life of those who work on them."""

from __future__ import annotations

from django.db import models

from analysis.choices import JobState
from analysis.models.marks import LesionMark
from mammotrack.accounts.models import User
from mammotrack.models import UUIDModel
from patients.models import PatientFact
from scans.models import Mammogram


class AnalysisJob(PatientFact):
    """One requested analysis: the database, not the broker, owns it.

    A worker holds it for the length of a lease. ``holder`` is the fence: only the claim that
    is named there may write results.
    """

    belongs_with = "current"

    key = models.CharField(max_length=200, unique=True, help_text="The same request, the same job.")
    current = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    prior = models.ForeignKey(
        Mammogram, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mark = models.ForeignKey(
        LesionMark, null=True, on_delete=models.PROTECT, related_name="jobs", db_index=False
    )
    requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    state = models.CharField(max_length=7, choices=JobState, default=JobState.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    holder = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "lease_until"], name="job_by_lease"),
            models.Index(fields=["patient", "-created_at", "-id"], name="job_by_patient"),
            models.Index(fields=["current", "-created_at"], name="job_by_current"),
            models.Index(fields=["mark", "-created_at", "-id"], name="job_by_mark"),
            models.Index(fields=["clinic", "state", "-created_at"], name="job_by_clinic"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="job_newest"),
            models.Index(fields=["requested_by", "-created_at", "-id"], name="job_by_requester"),
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    @property
    def followed_mark(self) -> LesionMark | None:
        """The mark on the prior: the comparison measures it on both pictures."""
        return self.mark if self.mark and self.mark.mammogram_id == self.prior_id else None

    @property
    def new_lesion(self) -> LesionMark | None:
        """The mark of a lesion that only the current picture shows: there is nothing to compare."""
        return self.mark if self.mark and self.mark.mammogram_id == self.current_id else None


class WorkerSign(UUIDModel):
    """When a worker of this name last said that it lives."""

    name = models.CharField(max_length=120, unique=True)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name
