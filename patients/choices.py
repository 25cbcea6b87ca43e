"""Coded values of the patient record."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Sex(TextChoices):
    """DICOM PatientSex."""

    FEMALE = "F", _("Female")
    MALE = "M", _("Male")
    OTHER = "O", _("Other")


class Laterality(TextChoices):
    """DICOM ImageLaterality; here too because pathology is of one breast."""

    LEFT = "L", _("Left")
    RIGHT = "R", _("Right")


class TherapyKind(TextChoices):
    CHEMOTHERAPY = "CHEMOTHERAPY", _("Chemotherapy")
    SURGERY = "SURGERY", _("Surgery")
    RADIOTHERAPY = "RADIOTHERAPY", _("Radiotherapy")
    HORMONE = "HORMONE", _("Hormone therapy")
    TARGETED = "TARGETED", _("Targeted therapy")
    IMMUNOTHERAPY = "IMMUNOTHERAPY", _("Immunotherapy")


class Intent(TextChoices):
    """What a course is for (mCODE treatment intent)."""

    NEOADJUVANT = "NEOADJUVANT", _("Neoadjuvant")
    ADJUVANT = "ADJUVANT", _("Adjuvant")
    CURATIVE = "CURATIVE", _("Curative")
    PALLIATIVE = "PALLIATIVE", _("Palliative")


class StopReason(TextChoices):
    """Why a course ended (mCODE treatment termination reason)."""

    COMPLETED = "COMPLETED", _("Treatment completed")
    NO_RESPONSE = "NO_RESPONSE", _("No response to treatment")
    NOT_TOLERATED = "NOT_TOLERATED", _("Treatment not tolerated")
    REFUSED = "REFUSED", _("Refused by the patient")
    FINANCIAL = "FINANCIAL", _("Financial problem")
    MOVED_AWAY = "MOVED_AWAY", _("Patient has moved away")
    NOT_AVAILABLE = "NOT_AVAILABLE", _("Treatment not available")
    LOST = "LOST", _("Lost to follow-up")
    DEATH = "DEATH", _("Death")


class DoseReason(TextChoices):
    """Why a cycle was given in another dose than planned."""

    BLOOD_COUNT = "BLOOD_COUNT", _("Blood count")
    TOXICITY = "TOXICITY", _("Other toxicity")
    ORGAN_FUNCTION = "ORGAN_FUNCTION", _("Organ function")
    WEIGHT = "WEIGHT", _("Change of weight")
    PATIENT_WISH = "PATIENT_WISH", _("Wish of the patient")
    OTHER = "OTHER", _("Other")


class PathologyResult(TextChoices):
    BENIGN = "BENIGN", _("Benign")
    MALIGNANT = "MALIGNANT", _("Malignant")


class Specimen(TextChoices):
    CORE_BIOPSY = "CORE_BIOPSY", _("Core needle biopsy")
    VACUUM_BIOPSY = "VACUUM_BIOPSY", _("Vacuum-assisted biopsy")
    FINE_NEEDLE = "FINE_NEEDLE", _("Fine needle aspiration")
    EXCISION = "EXCISION", _("Excision")
    MASTECTOMY = "MASTECTOMY", _("Mastectomy")


class Histology(TextChoices):
    NO_SPECIAL_TYPE = "NO_SPECIAL_TYPE", _("Invasive carcinoma of no special type")
    LOBULAR = "LOBULAR", _("Invasive lobular carcinoma")
    OTHER_INVASIVE = "OTHER_INVASIVE", _("Other invasive carcinoma")
    DCIS = "DCIS", _("Ductal carcinoma in situ")


class ReceptorStatus(TextChoices):
    """Of estrogen and progesterone receptors (ASCO/CAP 2020: low is 1 to 10 % of cells)."""

    POSITIVE = "POSITIVE", _("Positive")
    LOW_POSITIVE = "LOW_POSITIVE", _("Low positive")
    NEGATIVE = "NEGATIVE", _("Negative")


class Her2Status(TextChoices):
    POSITIVE = "POSITIVE", _("Positive")
    EQUIVOCAL = "EQUIVOCAL", _("Equivocal")
    NEGATIVE = "NEGATIVE", _("Negative")


class ConsentPurpose(TextChoices):
    PROCEDURE = "PROCEDURE", _("Mammography")
    AI = "AI", _("Analysis by computer")
    RESEARCH = "RESEARCH", _("Research")


class HistoryLaterality(TextChoices):
    """Which breast an entry of the history is about."""

    LEFT = "L", _("Left")
    RIGHT = "R", _("Right")
    BOTH = "B", _("Both")


class HistoryItem(TextChoices):
    """What a history of the breasts asks for. The groups are in ``patients.history``."""

    MASTECTOMY = "MASTECTOMY", _("Mastectomy")
    BREAST_CONSERVING = "BREAST_CONSERVING", _("Breast-conserving surgery")
    BENIGN_EXCISION = "BENIGN_EXCISION", _("Excision of a benign lesion")
    REDUCTION = "REDUCTION", _("Breast reduction")
    RADIOTHERAPY = "RADIOTHERAPY", _("Radiotherapy of the breast")
    IMPLANT = "IMPLANT", _("Breast implant")
    SYSTEMIC_THERAPY = "SYSTEMIC_THERAPY", _("Earlier systemic cancer therapy")
    HRT = "HRT", _("Hormone replacement therapy")
    BREAST_CANCER = "BREAST_CANCER", _("Earlier breast cancer")
    FAMILY_BREAST = "FAMILY_BREAST", _("Breast cancer in the family")
    FAMILY_OVARY = "FAMILY_OVARY", _("Ovarian cancer in the family")
    BRCA1 = "BRCA1", "BRCA1"
    BRCA2 = "BRCA2", "BRCA2"
    PALB2 = "PALB2", "PALB2"
    TP53 = "TP53", "TP53"
    CHEK2 = "CHEK2", "CHEK2"
    ATM = "ATM", "ATM"
    RAD51C = "RAD51C", "RAD51C"
    RAD51D = "RAD51D", "RAD51D"


class Relative(TextChoices):
    MOTHER = "MOTHER", _("Mother")
    SISTER = "SISTER", _("Sister")
    DAUGHTER = "DAUGHTER", _("Daughter")
    FATHER = "FATHER", _("Father")
    BROTHER = "BROTHER", _("Brother")
    GRANDMOTHER = "GRANDMOTHER", _("Grandmother")
    AUNT = "AUNT", _("Aunt")
    OTHER = "OTHER", _("Another relative")


class VariantResult(TextChoices):
    """Of a genetic test (ACMG classes, two and two together)."""

    PATHOGENIC = "PATHOGENIC", _("Pathogenic or likely pathogenic")
    UNCERTAIN = "UNCERTAIN", _("Uncertain significance")
    NEGATIVE = "NEGATIVE", _("No pathogenic variant found")
