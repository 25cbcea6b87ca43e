"""What the machine proposes, and what a doctor decided."""

from __future__ import annotations

from django.db import models

from analysis.choices import Proposal, RecommendationStatus, SignatureMeaning
from analysis.models.answers import Comparison, Prediction
from analysis.models.jobs import AnalysisJob
from mammotrack.accounts.models import User
from mammotrack.models import now
from patients.models import PatientFact
from scans.models import Mammogram


class Recommendation(PatientFact):
    """What the rules propose for one mammogram, with every rule that was tried. One a job."""

    belongs_with = "job"

    job = models.OneToOneField(AnalysisJob, on_delete=models.PROTECT, related_name="recommendation")
    current = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    prior = models.ForeignKey(
        Mammogram, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    current_prediction = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    prior_prediction = models.ForeignKey(
        Prediction, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    comparison = models.ForeignKey(
        Comparison, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rules_version = models.CharField(max_length=64)
    proposal = models.CharField(max_length=32, choices=Proposal)
    deciding_rule = models.CharField(max_length=32, help_text="The first rule that fired.")
    trace = models.JSONField(default=list)
    record = models.JSONField(
        default=dict, help_text="Therapy and pathology as the rules saw them."
    )
    status = models.CharField(
        max_length=16, choices=RecommendationStatus, default=RecommendationStatus.PROPOSED
    )
    signature_count = models.PositiveSmallIntegerField(
        default=0, help_text="Grows with every signature: who signs says how many they saw."
    )
    superseded_by = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="supersedes", db_index=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["patient", "id"], name="recommendation_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="recommendation_newest"),
            models.Index(fields=["clinic", "status", "-created_at"], name="recommendation_to_sign"),
        ]

    def __str__(self) -> str:
        return f"recommendation {self.pk}"


class Decision(PatientFact):
    """A doctor's signed answer to one recommendation. Written once.

    A change of mind is a new version beside the old one; the highest version holds. ``evidence``
    is what the doctor had before their eyes, so that no later analysis changes what was signed.
    """

    belongs_with = "recommendation"
    personal = {"reason": ""}

    recommendation = models.ForeignKey(
        Recommendation, on_delete=models.PROTECT, related_name="decisions", db_index=False
    )
    version = models.PositiveSmallIntegerField(default=1)
    meaning = models.CharField(max_length=10, choices=SignatureMeaning)
    choice = models.CharField(max_length=32, choices=Proposal)
    follows_proposal = models.BooleanField()
    reason = models.TextField(max_length=2000, blank=True)
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    signed_at = models.DateTimeField(default=now, editable=False)
    evidence = models.JSONField()
    evidence_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommendation", "version"], name="decision_version_once"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "signed_at", "id"], name="decision_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="decision_newest"),
            models.Index(fields=["clinic", "-signed_at", "-id"], name="decision_by_signing"),
        ]

    def __str__(self) -> str:
        return f"decision {self.pk}"

    @property
    def needs_second_signature(self) -> bool:
        return Proposal(self.choice).needs_second_signature


class Countersignature(PatientFact):
    """The second doctor's signature under one version of a decision. Written once."""

    belongs_with = "decision"

    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, related_name="countersignature"
    )
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    signed_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["clinic", "-created_at", "-id"], name="countersignature_newest")
        ]

    def __str__(self) -> str:
        return f"countersignature {self.pk}"
