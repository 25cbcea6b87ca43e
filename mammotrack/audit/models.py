"""Who did what to which record, and when. Rows are added, never changed or removed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from mammotrack.accounts.models import Clinic, User
from mammotrack.models import TimestampedModel


class Action(models.TextChoices):
    PATIENT_REGISTERED = "patient.registered"
    PATIENT_UPDATED = "patient.updated"
    PATIENT_OPENED = "patient.opened"
    THERAPY_RECORDED = "therapy.recorded"
    CYCLE_RECORDED = "cycle.recorded"
    PATHOLOGY_RECORDED = "pathology.recorded"
    FACT_AMENDED = "fact.amended"
    HISTORY_RECORDED = "history.recorded"
    HISTORY_RETRACTED = "history.retracted"
    CONSENT_RECORDED = "consent.recorded"
    PATIENT_MERGED = "patient.merged"
    PATIENT_UNMERGED = "patient.unmerged"
    PATIENT_ARCHIVED = "patient.archived"
    PATIENT_RESTORED = "patient.restored"
    HOLD_PLACED = "hold.placed"
    HOLD_LIFTED = "hold.lifted"
    IDENTITY_ALERT = "identity.alert"
    MAMMOGRAM_STORED = "mammogram.stored"
    MAMMOGRAM_OPENED = "mammogram.opened"
    ANALYSIS_REQUESTED = "analysis.requested"
    ANALYSIS_OPENED = "analysis.opened"
    ANALYSIS_DONE = "analysis.done"
    ANALYSIS_FAILED = "analysis.failed"
    DECISION_SIGNED = "decision.signed"
    DECISION_AMENDED = "decision.amended"
    DECISION_COUNTERSIGNED = "decision.countersigned"
    FINDING_RECORDED = "finding.recorded"
    LESION_MARKED = "lesion.marked"


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **changes: Any) -> NoReturn:
        raise TypeError("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit entries are never removed.")


class AuditEntry(TimestampedModel):
    """One act. ``detail`` holds codes and ids, never names or dates of birth."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=32, choices=Action)
    object_type = models.CharField(max_length=32)
    object_id = models.UUIDField()
    patient_id = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["clinic", "-created_at"], name="audit_by_clinic"),
            models.Index(fields=["patient_id", "-created_at"], name="audit_by_patient"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise TypeError("Audit entries are never changed.")
        super().save(**{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError("Audit entries are never removed.")
