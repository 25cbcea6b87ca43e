"""Exams and mammograms as acquired."""

from __future__ import annotations

import hashlib
from typing import ClassVar, NamedTuple
from uuid import UUID, uuid4

from django.db import models

from mammotrack.accounts.models import Clinic, User
from mammotrack.audit.trace import TracedModel
from mammotrack.models import ChangingQuerySet, TimestampedModel
from patients.models import PatientFact
from scans.choices import FileFormat, Laterality, Mismatch, Origin, UnmatchedState, View
from scans.header import MammogramHeader

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"


def new_uid() -> str:
    """A DICOM UID in the UUID branch (PS3.5 B.2)."""
    return f"2.25.{uuid4().int}"


def uid_of(text: str) -> str:
    """A DICOM UID in the UUID branch (PS3.5 B.2), the same for the same text."""
    return f"2.25.{UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4).int}"


class Position(NamedTuple):
    """Which breast in which view."""

    laterality: str
    view: str

    def __str__(self) -> str:
        return f"{self.laterality}{self.view}"


class Exam(PatientFact):
    """One visit's imaging study."""

    personal = {"accession_number": "", "study_instance_uid": new_uid}

    exam_date = models.DateField()
    accession_number = models.CharField(max_length=16, blank=True)
    modality = models.CharField(max_length=2, default="MG")
    study_instance_uid = models.CharField("Study Instance UID", max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "study_instance_uid"], name="exam_study_once"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "exam_date", "id"], name="exam_by_patient"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="exam_newest"),
        ]

    def __str__(self) -> str:
        return f"exam {self.pk}"


class MammogramQuerySet(ChangingQuerySet):
    def same_position(self, mammogram: Mammogram) -> MammogramQuerySet:
        """Others of the same patient, breast and view."""
        return self.filter(
            patient_id=mammogram.patient_id,
            laterality=mammogram.laterality,
            view=mammogram.view,
        ).exclude(pk=mammogram.pk)

    def prior_to(self, mammogram: Mammogram) -> Mammogram | None:
        """The latest earlier picture of the same breast and view."""
        earlier = self.same_position(mammogram).filter(exam_date__lt=mammogram.exam_date)
        return earlier.order_by("-exam_date", "-created_at", "-pk").first()

    def all_after(self, mammogram: Mammogram) -> MammogramQuerySet:
        """The later pictures of the same breast and view, earliest first."""
        later = self.same_position(mammogram).filter(exam_date__gt=mammogram.exam_date)
        return later.order_by("exam_date", "created_at", "pk")

    def next_after(self, mammogram: Mammogram) -> Mammogram | None:
        """The earliest later picture of the same breast and view."""
        return self.all_after(mammogram).first()


class Mammogram(PatientFact):
    """One image of one breast in one view. The file itself is kept under its SHA-256."""

    belongs_with = "exam"
    personal = {"sop_instance_uid": new_uid, "series_instance_uid": new_uid}

    exam = models.ForeignKey(
        Exam, on_delete=models.PROTECT, related_name="mammograms", db_index=False
    )
    exam_date = models.DateField(help_text="Copied from the exam: the timeline needs no join.")
    laterality = models.CharField(max_length=1, choices=Laterality)
    view = models.CharField(max_length=3, choices=View)
    sop_instance_uid = models.CharField("SOP Instance UID", max_length=64)
    series_instance_uid = models.CharField("Series Instance UID", max_length=64, blank=True)
    file_format = models.CharField(max_length=5, choices=FileFormat)
    sha256 = models.CharField("SHA-256 of the file", max_length=64)
    pixel_sha256 = models.CharField("SHA-256 of the pixels", max_length=64)
    size_bytes = models.PositiveIntegerField()
    rows = models.PositiveSmallIntegerField()
    columns = models.PositiveSmallIntegerField()
    bits_stored = models.PositiveSmallIntegerField()
    pixel_spacing_mm = models.FloatField(null=True, blank=True)
    manufacturer = models.CharField(max_length=64, blank=True)
    device_model = models.CharField(max_length=64, blank=True)
    flags = models.JSONField(
        default=list, blank=True, help_text="What the file gate noticed, as codes."
    )
    origin = models.CharField(max_length=9, choices=Origin, default=Origin.ACQUIRED)
    stored_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)

    objects: ClassVar = MammogramQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "sha256"], name="mammogram_file_once"),
            models.UniqueConstraint(
                fields=["clinic", "sop_instance_uid"], name="mammogram_sop_once"
            ),
            models.UniqueConstraint(
                fields=["clinic", "pixel_sha256"], name="mammogram_pixels_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["patient", "laterality", "view", "exam_date", "id"],
                name="mammogram_by_position",
            ),
            models.Index(fields=["clinic", "-created_at", "-id"], name="mammogram_newest"),
            models.Index(fields=["exam", "id"], name="mammogram_by_exam"),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.pk}"

    @property
    def position(self) -> Position:
        return Position(self.laterality, self.view)

    @property
    def series_uid(self) -> str:
        """That of the file; where it names none, one for the pictures of the exam without."""
        return self.series_instance_uid or uid_of(f"series:{self.exam_id}")

    @property
    def sop_class_uid(self) -> str:
        """That of the file; what was no DICOM file goes out as a Secondary Capture."""
        is_capture = self.file_format != FileFormat.DICOM or "secondary_capture" in self.flags
        return SECONDARY_CAPTURE if is_capture else FOR_PRESENTATION

    @property
    def is_simulated(self) -> bool:
        return self.origin == Origin.SIMULATED


class UnmatchedFile(TracedModel, TimestampedModel):
    """A file that a machine sent and that is nobody's until a person says whose it is.

    It stands for somebody unknown, so a read is noted under its own id. Who the file names is
    kept only while it waits.
    """

    patient_keys = ("id",)
    personal = {"header": dict}

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", db_index=False)
    sha256 = models.CharField("SHA-256 of the file", max_length=64)
    size_bytes = models.PositiveIntegerField()
    reason = models.CharField(max_length=24, choices=Mismatch)
    header = models.JSONField(default=dict, help_text="What the file says; empty once resolved.")
    state = models.CharField(max_length=9, choices=UnmatchedState, default=UnmatchedState.WAITING)
    received_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    resolved_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    resolved_at = models.DateTimeField(null=True)
    mammogram = models.ForeignKey(
        Mammogram, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "sha256"], name="unmatched_file_once"),
        ]
        indexes = [
            models.Index(fields=["clinic", "state", "-created_at"], name="unmatched_waiting"),
        ]

    def __str__(self) -> str:
        return f"unmatched file {self.pk}"

    @property
    def says(self) -> MammogramHeader:
        return MammogramHeader.from_json(self.header)
