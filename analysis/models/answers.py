"""What the machine found: written once, with the versions that made it, and never changed.

A newer model or another way of preparing pictures adds rows of its own.
"""

from __future__ import annotations

from django.db import models

from analysis.choices import ModelState
from analysis.models.marks import LesionMark
from mammotrack.models import TimestampedModel
from patients.choices import Laterality
from patients.models import PatientFact
from scans.models import Exam, Mammogram


class ModelVersion(TimestampedModel):
    """The state of a model version on this server; without a row it is what its release says."""

    BIRADS = "birads"

    task = models.CharField(max_length=16)
    version = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=7, choices=ModelState)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task"],
                condition=models.Q(state=ModelState.ACTIVE),
                name="one_active_model_a_task",
            ),
        ]

    def __str__(self) -> str:
        return self.version


class Prediction(PatientFact):
    """What one model version said about one mammogram. Never a radiologist's assessment."""

    belongs_with = "mammogram"
    personal = {"features": None}

    mammogram = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="predictions", db_index=False
    )
    mammogram_sha256 = models.CharField(max_length=64)
    model_version = models.CharField(max_length=64)
    model_sha256 = models.CharField(max_length=64)
    preparation_version = models.CharField(max_length=64)
    assessable = models.BooleanField()
    reasons = models.JSONField(default=list)
    probabilities = models.JSONField(default=dict, help_text='BI-RADS "2" to "6", sums to 1.')
    category = models.CharField(max_length=1, blank=True)
    abstained = models.BooleanField()
    prediction_set = models.JSONField(default=list)
    suspicious_probability = models.FloatField(null=True)
    heat_map_key = models.CharField(max_length=64, blank=True)
    heat_outside_share = models.FloatField(
        null=True, help_text="Share of the heat map's evidence that lies beside the breast."
    )
    heat_plausible = models.BooleanField(null=True, help_text="False when that share is too large.")
    logits = models.JSONField(default=list, help_text="By class of the model; fused over an exam.")
    features = models.BinaryField(
        null=True, help_text="What pictures are compared by: float16, little-endian."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mammogram", "model_version", "preparation_version"],
                name="prediction_once",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "id"], name="prediction_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="prediction_newest"),
        ]

    def __str__(self) -> str:
        return f"prediction {self.pk}"


class BreastPrediction(PatientFact):
    """What one model version said about one breast, from all its pictures of one exam together.

    The other breast's pictures of the exam are seen beside them. A picture more adds a row.
    """

    belongs_with = "exam"

    exam = models.ForeignKey(Exam, on_delete=models.PROTECT, related_name="+", db_index=False)
    laterality = models.CharField(max_length=1, choices=Laterality)
    pictures = models.PositiveSmallIntegerField(help_text="Of this breast.")
    pictures_beside = models.PositiveSmallIntegerField(help_text="Of the other breast.")
    pictures_key = models.CharField(max_length=64, editable=False, help_text="Of their ids.")
    model_version = models.CharField(max_length=64)
    model_sha256 = models.CharField(max_length=64)
    preparation_version = models.CharField(max_length=64)
    probabilities = models.JSONField(default=dict, help_text='BI-RADS "2" to "6", sums to 1.')
    category = models.CharField(max_length=1, blank=True)
    abstained = models.BooleanField()
    prediction_set = models.JSONField(default=list)
    suspicious_probability = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "exam",
                    "laterality",
                    "pictures_key",
                    "model_version",
                    "preparation_version",
                ],
                name="breast_prediction_once",
            ),
        ]
        indexes = [models.Index(fields=["patient", "id"], name="breast_prediction_by_patient")]

    def __str__(self) -> str:
        return f"breast prediction {self.pk}"


class Comparison(PatientFact):
    """How one pair of mammograms differs, by one algorithm version, at a mark or without one."""

    belongs_with = "current"

    prior = models.ForeignKey(Mammogram, on_delete=models.PROTECT, related_name="+", db_index=False)
    current = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    mark = models.ForeignKey(
        LesionMark, null=True, on_delete=models.PROTECT, related_name="comparisons", db_index=False
    )
    mark_key = models.CharField(
        max_length=32, blank=True, editable=False, help_text="Of the mark; NULL is never unique."
    )
    algorithm_version = models.CharField(max_length=64)
    preparation_version = models.CharField(max_length=64)
    comparable = models.BooleanField()
    reason = models.CharField(max_length=64, blank=True)
    ssim = models.FloatField(null=True)
    ssim_baseline = models.FloatField(null=True)
    change_probability = models.FloatField(null=True)
    change_probability_low = models.FloatField(null=True, help_text="Of the 95 % interval.")
    change_probability_high = models.FloatField(null=True)
    change_threshold = models.FloatField(
        null=True, help_text="The probability from which a change is reported."
    )
    direction = models.CharField(max_length=16)
    verdict = models.CharField(max_length=32)
    registration = models.JSONField(default=dict)
    parts = models.JSONField(
        default=dict, help_text="Luminance, contrast, structure; SSIM by scale and over all scales."
    )
    lesion = models.JSONField(
        null=True, help_text="The marked mass on both films; null without a mark."
    )
    attention = models.JSONField(
        default=list, help_text="Places on the current picture to look at, px; no verdict."
    )
    pictures_key = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "prior",
                    "current",
                    "mark_key",
                    "algorithm_version",
                    "preparation_version",
                ],
                name="comparison_once",
            ),
        ]
        indexes = [
            models.Index(fields=["mark", "id"], name="comparison_by_mark"),
            models.Index(fields=["patient", "id"], name="comparison_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="comparison_newest"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"


class SimilarCases(PatientFact):
    """The reference cases that look most like one mammogram, by one version of the search."""

    belongs_with = "mammogram"

    mammogram = models.ForeignKey(
        Mammogram, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    search_version = models.CharField(max_length=64)
    reference_sha256 = models.CharField(max_length=64)
    model_version = models.CharField(max_length=64)
    model_sha256 = models.CharField(max_length=64)
    preparation_version = models.CharField(max_length=64)
    reason = models.CharField(max_length=64, blank=True, help_text="Why there are no cases.")
    cases = models.JSONField(default=list, help_text="Nearest first.")

    class Meta:
        verbose_name_plural = "similar cases"
        constraints = [
            models.UniqueConstraint(
                fields=["mammogram", "search_version", "reference_sha256", "model_sha256"],
                name="similar_cases_once",
            ),
        ]
        indexes = [models.Index(fields=["patient", "id"], name="similar_cases_by_patient")]

    def __str__(self) -> str:
        return f"similar cases {self.pk}"
