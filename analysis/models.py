"""Jobs, what the machine found, what it proposes, and what a doctor decided.

Predictions, comparisons and recommendations are written once, with the versions that made
them, and never changed; a newer model or rule set adds rows of its own.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from analysis.choices import (
    Assessment,
    JobState,
    MassDensity,
    MassMargin,
    MassShape,
    ModelState,
    Proposal,
    ReadCategory,
    RecommendationStatus,
    SignatureMeaning,
)
from mammotrack.accounts.models import User
from mammotrack.models import TimestampedModel, UUIDModel, now
from patients.choices import Laterality
from patients.models import PatientFact
from scans.models import Exam, Mammogram


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
            models.Index(fields=["patient", "-created_at", "id"], name="job_by_patient"),
            models.Index(fields=["current", "-created_at"], name="job_by_current"),
            models.Index(fields=["mark", "-created_at", "-id"], name="job_by_mark"),
            models.Index(fields=["clinic", "state", "-created_at"], name="job_by_clinic"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="job_newest"),
            models.Index(fields=["requested_by", "-created_at", "id"], name="job_by_requester"),
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


class WorkerSign(UUIDModel):
    """When a worker of this name last said that it lives."""

    name = models.CharField(max_length=120, unique=True)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


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
            models.Index(fields=["clinic", "-signed_at", "id"], name="decision_by_signing"),
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
