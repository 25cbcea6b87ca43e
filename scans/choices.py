"""Coded values of exams and mammograms (DICOM terms)."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from patients.choices import Laterality

__all__ = [
    "DiscardReason",
    "FileFormat",
    "Identifier",
    "Laterality",
    "Mismatch",
    "Origin",
    "UnmatchedState",
    "View",
]


class View(TextChoices):
    """Projection. ML is a view of its own, never MLO (DICOM CID 4014)."""

    CC = "CC", _("Cranio-caudal")
    MLO = "MLO", _("Medio-lateral oblique")
    ML = "ML", _("Medio-lateral")
    LM = "LM", _("Latero-medial")


class FileFormat(TextChoices):
    DICOM = "DICOM"
    PNG = "PNG"
    JPEG = "JPEG"


class Origin(TextChoices):
    """Where a picture comes from; a simulated one says so wherever it is shown."""

    ACQUIRED = "ACQUIRED", _("Acquired")
    SIMULATED = "SIMULATED", _("Simulated")


class UnmatchedState(TextChoices):
    WAITING = "WAITING", _("Waiting")
    ATTACHED = "ATTACHED", _("Attached to a patient")
    DISCARDED = "DISCARDED", _("Discarded")


class Mismatch(TextChoices):
    """Why a file that a machine sent is nobody's yet; the codes of the errors."""

    UNKNOWN_PATIENT = "unknown_patient", _("No patient has this record number")
    PATIENT_MISMATCH = "patient_mismatch", _("The file and the patient's record differ")
    IDENTITY_UNCONFIRMED = "identity_unconfirmed", _("The file names fewer than two identifiers")


class DiscardReason(TextChoices):
    """A code, so that the trail's reason names nobody."""

    NOT_OURS = "NOT_OURS", _("Not a patient of this clinic")
    TEST_PICTURE = "TEST_PICTURE", _("A test picture")
    SENT_BY_MISTAKE = "SENT_BY_MISTAKE", _("Sent by mistake")


class Identifier(TextChoices):
    """By what a person makes sure who a picture is of."""

    NAME = "name", _("Name")
    BIRTH_DATE = "birth_date", _("Birth date")
    RECORD_NUMBER = "medical_record_number", _("Record number")
