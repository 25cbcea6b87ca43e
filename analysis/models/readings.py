"""What doctors saw before the machine spoke to them."""

from __future__ import annotations

from django.db import models

from analysis.choices import ReadCategory
from mammotrack.accounts.models import User
from patients.choices import Laterality
from patients.models import PatientFact
from scans.models import Exam


class Reading(PatientFact):
    """A doctor's own category of one breast in one exam, given before the computer's was seen.

    Never changed. A picture that arrives later needs another look: the next revision.
    """

    belongs_with = "exam"

    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="+", db_index=False)
    laterality = models.CharField(max_length=1, choices=Laterality)
    category = models.CharField(max_length=1, choices=ReadCategory)
    revision = models.PositiveSmallIntegerField()
    pictures = models.JSONField(
        default=list, help_text="This breast's pictures up to that day: what was looked at."
    )
    reader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["exam", "laterality", "reader", "revision"], name="reading_revision_once"
            ),
        ]
        indexes = [
            models.Index(fields=["reader", "clinic"], name="reading_by_reader"),
            models.Index(fields=["patient", "id"], name="reading_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="reading_newest"),
        ]

    def __str__(self) -> str:
        return f"reading {self.pk}"


class Arbitration(PatientFact):
    """What a third doctor makes of a breast that two readers saw differently. Written once."""

    belongs_with = "exam"
    personal = {"reason": ""}

    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="+", db_index=False)
    laterality = models.CharField(max_length=1, choices=Laterality)
    category = models.CharField(max_length=1, choices=ReadCategory)
    reason = models.TextField(max_length=2000)
    arbiter = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exam", "laterality"], name="arbitration_once"),
        ]
        indexes = [
            models.Index(fields=["patient", "id"], name="arbitration_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="arbitration_newest"),
        ]

    def __str__(self) -> str:
        return f"arbitration {self.pk}"
