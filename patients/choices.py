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
    IMMUNOTHERAPY = "IMMUNOTHERAPY", "Immunotherapy"


class Intent(TextChoices):
    """What a course is for (mCODE treatment intent)."""

    NEOADJUVANT = "NEOADJUVANT", "Neoadjuvant"
    ADJUVANT = "ADJUVANT", "Adjuvant"
    CURATIVE = "CURATIVE", "Curative"
    PALLIATIVE = "PALLIATIVE", "Palliative"


class StopReason(TextChoices):
    """Why a course ended (mCODE treatment termination reason)."""

    COMPLETED = "COMPLETED", "Treatment completed"
    NO_RESPONSE = "NO_RESPONSE", "No response to treatment"
    NOT_TOLERATED = "NOT_TOLERATED", "Treatment not tolerated"
    REFUSED = "REFUSED", "Refused by the patient"
    FINANCIAL = "FINANCIAL", "Financial problem"
    MOVED_AWAY = "MOVED_AWAY", "Patient has moved away"
    NOT_AVAILABLE = "NOT_AVAILABLE", "Treatment not available"
    LOST = "LOST", "Lost to follow-up"
    DEATH = "DEATH", "Death"


class DoseReason(TextChoices):
    """Why a cycle was given in another dose than planned."""

    BLOOD_COUNT = "BLOOD_COUNT", "Blood count"
    TOXICITY = "TOXICITY", "Other toxicity"
    ORGAN_FUNCTION = "ORGAN_FUNCTION", "Organ function"
    WEIGHT = "WEIGHT", "Change of weight"
    PATIENT_WISH = "PATIENT_WISH", "Wish of the patient"
    OTHER = "OTHER", "Other"


class PathologyResult(TextChoices):
    BENIGN = "BENIGN", "Benign"
    MALIGNANT = "MALIGNANT", "Malignant"


class Specimen(TextChoices):
    CORE_BIOPSY = "CORE_BIOPSY", "Core needle biopsy"
    VACUUM_BIOPSY = "VACUUM_BIOPSY", "Vacuum-assisted biopsy"
    FINE_NEEDLE = "FINE_NEEDLE", "Fine needle aspiration"
    EXCISION = "EXCISION", "Excision"
    MASTECTOMY = "MASTECTOMY", "Mastectomy"


class Histology(TextChoices):
    NO_SPECIAL_TYPE = "NO_SPECIAL_TYPE", "Invasive carcinoma of no special type"
    LOBULAR = "LOBULAR", "Invasive lobular carcinoma"
    OTHER_INVASIVE = "OTHER_INVASIVE", "Other invasive carcinoma"
    DCIS = "DCIS", "Ductal carcinoma in situ"


class ReceptorStatus(TextChoices):
    """Of estrogen and progesterone receptors (ASCO/CAP 2020: low is 1 to 10 % of cells)."""

    POSITIVE = "POSITIVE", "Positive"
    LOW_POSITIVE = "LOW_POSITIVE", "Low positive"
    NEGATIVE = "NEGATIVE", "Negative"


class Her2Status(TextChoices):
    POSITIVE = "POSITIVE", "Positive"
    EQUIVOCAL = "EQUIVOCAL", "Equivocal"
    NEGATIVE = "NEGATIVE", "Negative"


class ConsentPurpose(TextChoices):
    PROCEDURE = "PROCEDURE", "Mammography"
    AI = "AI", "Analysis by computer"
    RESEARCH = "RESEARCH", "Research"


class HistoryLaterality(TextChoices):
    """Which breast an entry of the history is about."""

    LEFT = "L", "Left"
    RIGHT = "R", "Right"
    BOTH = "B", "Both"


class HistoryItem(TextChoices):
    """What a history of the breasts asks for. The groups are in ``patients.history``."""

    MASTECTOMY = "MASTECTOMY", "Mastectomy"
    BREAST_CONSERVING = "BREAST_CONSERVING", "Breast-conserving surgery"
    BENIGN_EXCISION = "BENIGN_EXCISION", "Excision of a benign lesion"
    REDUCTION = "REDUCTION", "Breast reduction"
    RADIOTHERAPY = "RADIOTHERAPY", "Radiotherapy of the breast"
    IMPLANT = "IMPLANT", "Breast implant"
    SYSTEMIC_THERAPY = "SYSTEMIC_THERAPY", "Earlier systemic cancer therapy"
    HRT = "HRT", "Hormone replacement therapy"
    BREAST_CANCER = "BREAST_CANCER", "Earlier breast cancer"
    FAMILY_BREAST = "FAMILY_BREAST", "Breast cancer in the family"
    FAMILY_OVARY = "FAMILY_OVARY", "Ovarian cancer in the family"
    BRCA1 = "BRCA1", "BRCA1"
    BRCA2 = "BRCA2", "BRCA2"
    PALB2 = "PALB2", "PALB2"
    TP53 = "TP53", "TP53"
    CHEK2 = "CHEK2", "CHEK2"
    ATM = "ATM", "ATM"
    RAD51C = "RAD51C", "RAD51C"
    RAD51D = "RAD51D", "RAD51D"


class Relative(TextChoices):
    MOTHER = "MOTHER", "Mother"
    SISTER = "SISTER", "Sister"
    DAUGHTER = "DAUGHTER", "Daughter"
    FATHER = "FATHER", "Father"
    BROTHER = "BROTHER", "Brother"
    GRANDMOTHER = "GRANDMOTHER", "Grandmother"
    AUNT = "AUNT", "Aunt"
    OTHER = "OTHER", "Another relative"


class VariantResult(TextChoices):
    """Of a genetic test (ACMG classes, two and two together)."""

    PATHOGENIC = "PATHOGENIC", "Pathogenic or likely pathogenic"
    UNCERTAIN = "UNCERTAIN", "Uncertain significance"
    NEGATIVE = "NEGATIVE", "No pathogenic variant found"
