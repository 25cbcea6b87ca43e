"""Coded values of exams and mammograms (DICOM terms)."""

from django.db.models import TextChoices

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

    CC = "CC", "Cranio-caudal"
    MLO = "MLO", "Medio-lateral oblique"
    ML = "ML", "Medio-lateral"
    LM = "LM", "Latero-medial"


class FileFormat(TextChoices):
    DICOM = "DICOM"
    PNG = "PNG"
    JPEG = "JPEG"


class Origin(TextChoices):
    """Where a picture comes from; a simulated one says so wherever it is shown."""

    ACQUIRED = "ACQUIRED", "Acquired"
    SIMULATED = "SIMULATED", "Simulated"


class UnmatchedState(TextChoices):
    WAITING = "WAITING", "Waiting"
    ATTACHED = "ATTACHED", "Attached to a patient"
    DISCARDED = "DISCARDED", "Discarded"


class Mismatch(TextChoices):
    """Why a file that a machine sent is nobody's yet; the codes of the errors."""

    UNKNOWN_PATIENT = "unknown_patient", "No patient has this record number"
    PATIENT_MISMATCH = "patient_mismatch", "The file and the patient's record differ"
    IDENTITY_UNCONFIRMED = "identity_unconfirmed", "The file names fewer than two identifiers"


class DiscardReason(TextChoices):
    """A code, so that the trail's reason names nobody."""

    NOT_OURS = "NOT_OURS", "Not a patient of this clinic"
    TEST_PICTURE = "TEST_PICTURE", "A test picture"
    SENT_BY_MISTAKE = "SENT_BY_MISTAKE", "Sent by mistake"


class Identifier(TextChoices):
    """By what a person makes sure who a picture is of."""

    NAME = "name", "Name"
    BIRTH_DATE = "birth_date", "Birth date"
    RECORD_NUMBER = "medical_record_number", "Record number"
