"""Where a doctor saw a mass, and what she said of it."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from analysis.choices import Assessment, MassDensity, MassMargin, MassShape
from mammotrack.accounts.models import User
from patients.models import PatientFact
from scans.models import Mammogram


class LesionMark(PatientFact):
    """A disc that a doctor drew round a mass on one mammogram. Never edited: a new one supersedes.

    The mass is followed on every later picture of the breast and view.
    """

    belongs_with = "mammogram"

    mammogram = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="lesion_marks", db_index=False
    )
    x = models.FloatField(help_text="Column of the centre, pixels of the picture as stored.")
    y = models.FloatField(help_text="Row of the centre, pixels.")
    radius = models.FloatField(help_text="Pixels.")
    is_new = models.BooleanField(
        default=False, help_text="The mass was not there on the earlier pictures."
    )
    supersedes = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    marked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        indexes = [
            models.Index(fields=["patient", "created_at", "id"], name="mark_by_patient"),
            models.Index(fields=["mammogram", "created_at", "id"], name="mark_by_mammogram"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="mark_newest"),
        ]

    def __str__(self) -> str:
        return f"lesion mark {self.pk}"


class Finding(PatientFact):
    """One mass in one mammogram as a doctor describes it, and what a model makes of the words.

    Never changed: who describes the mass anew adds the next revision.
    """

    belongs_with = "mammogram"

    mammogram = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    lesion = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    revision = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    shape = models.CharField(max_length=16, choices=MassShape, blank=True)
    margin = models.CharField(max_length=16, choices=MassMargin, blank=True)
    density = models.CharField(max_length=16, choices=MassDensity, blank=True)
    assessment = models.CharField(max_length=1, choices=Assessment, blank=True)
    age = models.PositiveSmallIntegerField(help_text="Completed years on the day of the exam.")
    malignancy_probability = models.FloatField(null=True)
    probability_low = models.FloatField(null=True)
    probability_high = models.FloatField(null=True)
    uses_assessment = models.BooleanField(default=False)
    not_estimated = models.CharField(
        max_length=64, blank=True, help_text="Why there is no probability, as a code."
    )
    model_version = models.CharField(max_length=64, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    recorded_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mammogram", "lesion", "revision"], name="finding_revision_once"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "id"], name="finding_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="finding_newest"),
        ]

    def __str__(self) -> str:
        return f"finding {self.pk}"
