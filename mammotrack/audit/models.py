"""Who did what to which record, and when: entries of chains, added and never changed or removed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from mammotrack.accounts.models import Clinic, User
from mammotrack.audit.trace import TracedModel
from mammotrack.models import TimestampedModel

SYSTEM_CHAIN = "system"  # what belongs to no clinic: people, roles, keys, sign-ins


class Action(models.TextChoices):
    """What is kept is the code; the words are for whoever reads a page."""

    PATIENT_REGISTERED = "patient.registered", _("Patient registered")
    PATIENT_UPDATED = "patient.updated", _("Patient's data changed")
    PATIENT_ERASED = "patient.erased", _("Patient erased")
    RECORD_READ = "record.read", _("Record read")
    GLASS_BROKEN = "glass.broken", _("Emergency access opened")
    GLASS_REFUSED = "glass.refused", _("Emergency access refused")
    GLASS_READ = "glass.read", _("Record read in an emergency")
    GLASS_ENDED = "glass.ended", _("Emergency access ended")
    GLASS_REVIEWED = "glass.reviewed", _("Emergency access reviewed")
    THERAPY_RECORDED = "therapy.recorded", _("Therapy recorded")
    CYCLE_RECORDED = "cycle.recorded", _("Therapy cycle recorded")
    PATHOLOGY_RECORDED = "pathology.recorded", _("Pathology recorded")
    FACT_AMENDED = "fact.amended", _("Entry amended")
    HISTORY_RECORDED = "history.recorded", _("History recorded")
    HISTORY_RETRACTED = "history.retracted", _("History retracted")
    CONSENT_RECORDED = "consent.recorded", _("Consent recorded")
    PATIENT_MERGED = "patient.merged", _("Records merged")
    PATIENT_UNMERGED = "patient.unmerged", _("Merge undone")
    PATIENT_ARCHIVED = "patient.archived", _("Patient archived")
    PATIENT_RESTORED = "patient.restored", _("Patient restored")
    HOLD_PLACED = "hold.placed", _("Legal hold placed")
    HOLD_LIFTED = "hold.lifted", _("Legal hold lifted")
    IDENTITY_ALERT = "identity.alert", _("Identity doubted")
    MAMMOGRAM_STORED = "mammogram.stored", _("Mammogram stored")
    FILE_UNMATCHED = "file.unmatched", _("File received without a patient")
    FILE_ATTACHED = "file.attached", _("File attached to a patient")
    FILE_DISCARDED = "file.discarded", _("File discarded")
    ANALYSIS_REQUESTED = "analysis.requested", _("Analysis requested")
    ANALYSIS_DONE = "analysis.done", _("Analysis done")
    ANALYSIS_FAILED = "analysis.failed", _("Analysis failed")
    DECISION_SIGNED = "decision.signed", _("Decision signed")
    DECISION_AMENDED = "decision.amended", _("Decision amended")
    DECISION_COUNTERSIGNED = "decision.countersigned", _("Decision countersigned")
    READING_RECORDED = "reading.recorded", _("Reading recorded")
    READING_ARBITRATED = "reading.arbitrated", _("Readings arbitrated")
    REPORT_ISSUED = "report.issued", _("Report issued")
    FINDING_RECORDED = "finding.recorded", _("Finding described")
    LESION_MARKED = "lesion.marked", _("Lesion marked")
    MODEL_SHADOWED = "model.shadowed", _("Model run in shadow")
    MODEL_ACTIVATED = "model.activated", _("Model activated")
    RESEARCH_EXPORTED = "research.exported", _("Research data exported")
    SAMPLES_REQUESTED = "samples.requested", _("Sample patients requested")
    PEOPLE_CHANGED = "people.changed", _("People or access changed")
    SECOND_FACTOR_REMOVED = "second_factor.removed", _("Second factor removed")
    SIGNED_IN = "session.opened", _("Signed in")
    SIGNED_OUT = "session.closed", _("Signed out")
    SIGN_IN_REFUSED = "session.refused", _("Sign-in refused")


def actions() -> list[tuple[str, str]]:
    """The choices, named by a function so that a new action is no migration."""
    return [(action.value, str(action.label)) for action in Action]


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Entries come in through ``mammotrack.audit.services.record`` and no other way."""

    def _refuse(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError("The audit trail is only appended to, by record().")

    create = bulk_create = update = bulk_update = delete = _refuse


class AppendOnlyModel(TimestampedModel):
    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError("The audit trail is only appended to, by record().")

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError("The audit trail is only appended to, by record().")


class AuditEntry(TracedModel, AppendOnlyModel):
    """One act. ``detail`` holds codes and ids, never names, dates of birth or free text.

    The stored document is what is hashed (``canonical``): a field added here counts from then on.
    """

    v = models.PositiveSmallIntegerField("format", default=1)
    chain = models.CharField(max_length=36)
    seq = models.PositiveBigIntegerField()
    clinic = models.ForeignKey(Clinic, null=True, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=32)
    auth = models.CharField(max_length=8, help_text="session, token or process.")
    session = models.CharField(max_length=16, help_text="Tells sessions apart; opens none.")
    ip = models.CharField("IP address", max_length=45)
    request_id = models.CharField(max_length=64)
    action = models.CharField(max_length=32, choices=actions)
    object_type = models.CharField(max_length=32)
    object_id = models.UUIDField(null=True)
    object_version = models.PositiveIntegerField(null=True)
    patient_id = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)
    private_sha256 = models.CharField(max_length=64, help_text="Of the sealed personal values.")
    prev = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16)
    hash = models.CharField(max_length=64)
    mac = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(fields=["chain", "seq"], name="audit_seq_once"),
        ]
        indexes = [
            models.Index(fields=["clinic", "-created_at"], name="audit_by_clinic"),
            models.Index(fields=["patient_id", "-created_at"], name="audit_by_patient"),
            models.Index(fields=["object_id", "action"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}"


class AuditDetail(AppendOnlyModel):
    """The personal values of one entry, sealed with the patient's key. It has the entry's id."""

    patient_id = models.UUIDField()
    sealed = models.TextField()

    def __str__(self) -> str:
        return f"detail {self.pk}"


class AuditAnchor(AppendOnlyModel):
    """The head of a chain at one moment, signed. A copy lies outside the database."""

    chain = models.CharField(max_length=36)
    seq = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField()
    signature = models.CharField(max_length=128)

    class Meta:
        indexes = [models.Index(fields=["chain", "seq"], name="anchor_by_chain")]

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}"
