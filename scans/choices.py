"""Coded values of exams and mammograms (DICOM terms)."""

from django.db.models import TextChoices

from patients.choices import Laterality

__all__ = ["FileFormat", "Identifier", "Laterality", "Origin", "View"]


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


class Identifier(TextChoices):
    """By what a person makes sure who a picture is of."""

    NAME = "name", "Name"
    BIRTH_DATE = "birth_date", "Birth date"
    RECORD_NUMBER = "medical_record_number", "Record number"
