"""The patient and the treatment: facts with their keys, no rules."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any, ClassVar, NoReturn
from uuid import uuid4

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mammotrack.accounts.models import Clinic, User
from mammotrack.audit.trace import TracedModel
from mammotrack.models import ChangingModel, ChangingQuerySet, TimestampedModel
from patients.choices import (
    ConsentPurpose,
    DoseReason,
    Her2Status,
    Histology,
    HistoryItem,
    HistoryLaterality,
    Intent,
    Laterality,
    PathologyResult,
    ReceptorStatus,
    Relative,
    Sex,
    Specimen,
    StopReason,
    TherapyKind,
    VariantResult,
)
from patients.names import phone_key, phonetic_key
from patients.partial_dates import PartialDate, Precision

ERASED = "erased"


def normalise_record_number(text: str) -> str:
    """The form under which the number is unique: NFKC, upper case, no spaces or dashes."""
    return re.sub(r"[\s-]+", "", unicodedata.normalize("NFKC", text)).upper()


class PatientQuerySet(ChangingQuerySet):
    def delete(self) -> NoReturn:
        raise TypeError("Patients are never removed: archive them.")


class Patient(TracedModel, ChangingModel):
    """A person treated at a clinic. Identity lives here and is copied nowhere."""

    patient_keys = ("id",)
    personal = {
        "medical_record_number": ERASED,
        "record_number_key": lambda: f"{ERASED}:{uuid4()}",  # unique, and no number's
        "family_name": ERASED,
        "family_key": "",
        "given_name": ERASED,
        "given_key": "",
        "birth_date": date(1900, 1, 1),
        "deceased_date": None,
        "phone": "",
        "phone_key": "",
        "archive_reason": "",
        "hold_reason": "",
    }

    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="patients", db_index=False
    )
    medical_record_number = models.CharField(max_length=64)
    record_number_key = models.CharField(max_length=64, editable=False)
    family_name = models.CharField(max_length=100)
    given_name = models.CharField(max_length=100)
    birth_date = models.DateField(help_text="The first day it can be; see the precision.")
    birth_precision = models.CharField(
        max_length=5, choices=Precision, default=Precision.DAY, editable=False
    )
    deceased_date = models.DateField(null=True, blank=True)
    sex = models.CharField(max_length=1, choices=Sex, default=Sex.FEMALE)
    phone = models.CharField(max_length=32, blank=True)
    family_key = models.CharField(max_length=100, editable=False, default="")
    given_key = models.CharField(max_length=100, editable=False, default="")
    phone_key = models.CharField(max_length=9, editable=False, default="")
    last_entry_at = models.DateTimeField(
        null=True, editable=False, help_text="When something was last put on this record."
    )
    entries = models.PositiveIntegerField(
        default=0, editable=False, help_text="How often something was put on this record."
    )
    merged_into = models.ForeignKey(
        "self", null=True, editable=False, on_delete=models.PROTECT, related_name="merged_records"
    )
    archived_at = models.DateTimeField(null=True, editable=False)
    archive_reason = models.CharField(max_length=200, blank=True, editable=False)
    hold_reason = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Of a legal hold; empty: none."
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    erased_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar = PatientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "record_number_key"], name="patient_record_number_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["clinic", "family_name", "given_name", "id"], name="patient_by_name"
            ),
            models.Index(fields=["clinic", "-created_at", "-id"], name="patient_newest"),
            models.Index(fields=["clinic", "family_key", "given_key"], name="patient_by_sound"),
            models.Index(fields=["clinic", "birth_date"], name="patient_by_birth"),
            models.Index(fields=["clinic", "archived_at"], name="patient_archived"),
            models.Index(fields=["clinic", "phone_key"], name="patient_by_phone"),
        ]

    def __str__(self) -> str:
        return f"patient {self.pk}"

    @property
    def born(self) -> PartialDate:
        return PartialDate(self.birth_date, self.birth_precision)

    def derive_keys(self) -> None:
        """Fill what is looked up from what was typed."""
        self.record_number_key = normalise_record_number(self.medical_record_number)
        self.family_key = phonetic_key(self.family_name)
        self.given_key = phonetic_key(self.given_name)
        self.phone_key = phone_key(self.phone)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError("Patients are never removed: archive them.")

    @property
    def initials(self) -> str:
        return "".join(name[0] for name in (self.given_name, self.family_name) if name)


def survivor_of(patient: Patient) -> Patient:
    """The record that a merged one is part of now; the patient itself if it is not merged."""
    while patient.merged_into_id:
        patient = Patient.objects.get(pk=patient.merged_into_id)
    return patient


def records_of(patient: Patient) -> list[Patient]:
    """The patient's record and those that are part of it by now."""
    found, parts = [patient], [patient]
    while parts:
        parts = list(Patient.objects.filter(merged_into__in=[part.pk for part in parts]))
        found += parts
    return found


class PatientFact(TracedModel, ChangingModel):
    """Something recorded about one patient; carries the clinic so that one query finds it."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="%(class)s_set", db_index=False
    )

    # The relation to the fact this one is part of; with that it goes to another patient.
    belongs_with: ClassVar[str | None] = None

    class Meta:
        abstract = True


class EmergencyAccess(PatientFact):
    """Somebody out of scope opened this record in an emergency, to read it for a short time."""

    personal = {"reason": ""}

    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=500)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["opened_by", "ended_at", "expires_at"], name="emergency_by_user"),
            models.Index(fields=["clinic", "-created_at", "-id"], name="emergency_newest"),
            models.Index(fields=["patient", "id"], name="emergency_by_patient"),
        ]

    def __str__(self) -> str:
        return f"emergency access {self.pk}"


class PatientMerge(TracedModel, TimestampedModel):
    """Two records found to be of one person. What moved is kept, so that it can be undone."""

    patient_keys = ("survivor_id", "merged_id")
    personal = {"reason": "", "undo_reason": ""}

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", db_index=False)
    survivor = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges")
    merged = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    merged_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    moved = models.JSONField(default=dict, help_text="Ids of the moved rows, by model.")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    undo_reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"merge {self.pk}"


class AmendableFact(PatientFact):
    """A fact that may be corrected: each version but the last is kept as a ``Revision``."""

    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True


class Revision(PatientFact):
    """A fact as it stood before somebody corrected it. Written once."""

    personal = {"values": dict}

    fact_type = models.CharField(max_length=32)
    fact_id = models.UUIDField()
    version = models.PositiveIntegerField()
    values = models.JSONField()
    replaced_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fact_id", "version"], name="revision_once"),
        ]
        indexes = [models.Index(fields=["patient", "id"], name="revision_by_patient")]

    def __str__(self) -> str:
        return f"version {self.version} of {self.fact_type} {self.fact_id}"


class TherapyCourse(AmendableFact):
    """One line of treatment, from its first day to its last."""

    personal = {"regimen": ERASED}  # typed freely

    kind = models.CharField(max_length=13, choices=TherapyKind)
    regimen = models.CharField(max_length=80, help_text="For example AC-T, or tamoxifen.")
    intent = models.CharField(max_length=11, choices=Intent, blank=True)
    planned_cycles = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    start_date = models.DateField()
    end_date = models.DateField(null=True, blank=True)
    stop_reason = models.CharField(max_length=13, choices=StopReason, blank=True)

    class Meta:
        indexes = [models.Index(fields=["patient", "start_date", "id"], name="course_by_patient")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class TherapyCycle(AmendableFact):
    """One given cycle of a course."""

    belongs_with = "course"

    course = models.ForeignKey(
        TherapyCourse, on_delete=models.PROTECT, related_name="cycles", db_index=False
    )
    number = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    given_date = models.DateField(help_text="Day 1.")
    last_date = models.DateField(
        null=True, blank=True, help_text="The last day something was given; empty: day 1."
    )
    dose_percent = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text="Of the dose planned.",
    )
    dose_reason = models.CharField(max_length=14, choices=DoseReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["course", "number"], name="cycle_number_once"),
        ]
        indexes = [models.Index(fields=["patient", "given_date", "id"], name="cycle_by_patient")]

    def __str__(self) -> str:
        return f"cycle {self.number} {self.pk}"

    @property
    def dose_changed(self) -> bool:
        return self.dose_percent != 100


class PathologyReport(AmendableFact):
    """The result of a biopsy or resection of one breast."""

    laterality = models.CharField(max_length=1, choices=Laterality)
    result = models.CharField(max_length=9, choices=PathologyResult)
    report_date = models.DateField()
    specimen = models.CharField(max_length=13, choices=Specimen, blank=True)
    histology = models.CharField(max_length=15, choices=Histology, blank=True)
    grade = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(3)]
    )
    estrogen_receptor = models.CharField(max_length=12, choices=ReceptorStatus, blank=True)
    progesterone_receptor = models.CharField(max_length=12, choices=ReceptorStatus, blank=True)
    her2 = models.CharField(max_length=9, choices=Her2Status, blank=True)
    ki67_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(100)]
    )

    class Meta:
        indexes = [
            models.Index(fields=["patient", "report_date", "id"], name="pathology_by_patient")
        ]

    def __str__(self) -> str:
        return f"{self.result} {self.pk}"


class Consent(PatientFact):
    """The patient said yes or no to one purpose. Written once: who thinks again adds another."""

    purpose = models.CharField(max_length=9, choices=ConsentPurpose)
    given = models.BooleanField(help_text="False: withdrawn or refused.")
    decided_on = models.DateField(help_text="The day the patient said so.")
    document_version = models.CharField(
        max_length=40, blank=True, help_text="Of the form that was signed."
    )
    recorded_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        indexes = [
            models.Index(fields=["patient", "purpose", "-created_at"], name="consent_by_patient"),
            models.Index(fields=["clinic", "purpose", "created_at"], name="consent_by_purpose"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class HistoryEntry(PatientFact):
    """One thing of the patient's or the family's past. Retracted if wrong, never removed."""

    personal = {"note": "", "retraction_reason": ""}

    item = models.CharField(max_length=17, choices=HistoryItem)
    laterality = models.CharField(max_length=1, choices=HistoryLaterality, blank=True)
    began = models.DateField(null=True, blank=True, help_text="The first day it can be.")
    began_precision = models.CharField(max_length=5, choices=Precision, blank=True, editable=False)
    relative = models.CharField(max_length=11, choices=Relative, blank=True)
    age_at_onset = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(120)]
    )
    result = models.CharField(max_length=10, choices=VariantResult, blank=True)
    note = models.CharField(max_length=200, blank=True)
    recorded_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    retracted_at = models.DateTimeField(null=True, editable=False)
    retraction_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["patient", "item", "id"], name="history_by_patient")]

    def __str__(self) -> str:
        return f"{self.item} {self.pk}"

    @property
    def since(self) -> PartialDate | None:
        return PartialDate(self.began, self.began_precision) if self.began else None
