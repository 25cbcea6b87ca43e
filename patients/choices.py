"""Coded values of the patient record."""

from django.db.models import TextChoices


class Sex(TextChoices):
    """DICOM PatientSex."""

    FEMALE = "F", "Female"
    MALE = "M", "Male"
    OTHER = "O", "Other"


class Laterality(TextChoices):
    """DICOM ImageLaterality; here too because pathology is of one breast."""

    LEFT = "L", "Left"
    RIGHT = "R", "Right"


class TherapyKind(TextChoices):
    CHEMOTHERAPY = "CHEMOTHERAPY", "Chemotherapy"
    SURGERY = "SURGERY", "Surgery"
    RADIOTHERAPY = "RADIOTHERAPY", "Radiotherapy"
    HORMONE = "HORMONE", "Hormone therapy"
    TARGETED = "TARGETED", "Targeted therapy"


class PathologyResult(TextChoices):
    BENIGN = "BENIGN", "Benign"
    MALIGNANT = "MALIGNANT", "Malignant"
