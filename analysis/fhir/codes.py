"""The codes that the outside world uses for ours. Where there is none, text says it."""

from typing import Any

from patients.choices import Sex, TherapyKind

Json = dict[str, Any]

SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
UCUM = "http://unitsofmeasure.org"
DICOM_UID = "urn:dicom:uid"
V2_IDENTIFIER = "http://terminology.hl7.org/CodeSystem/v2-0203"
OURS = "https://mammotrack.invalid/fhir/CodeSystem"
# HL7 FHIR breast radiology implementation guide, first and second ballot.
BIRADS_HL7 = "http://hl7.org/fhir/us/breast-radiology/CodeSystem/BiRadsAssessmentCategoriesCS"
RADLEX_CDE = "http://hl7.org/fhir/us/breast-radiology/CodeSystem/RadLexCDE"

BIRADS = {  # SNOMED CT
    "0": ("397138000", "Mammography assessment (Category 0) - Need additional imaging evaluation"),
    "2": ("397141009", "Mammography assessment (Category 2) - Benign finding"),
    "3": (
        "397143007",
        "Mammography assessment (Category 3) - Probably benign finding, short interval follow-up",
    ),
    "4": (
        "397144001",
        "Mammography assessment (Category 4) - Suspicious abnormality, biopsy should be considered",
    ),
    "5": ("397145000", "Mammography assessment (Category 5) - Highly suggestive of malignancy"),
    "6": (
        "6111000179101",
        "Mammography assessment (Category 6) - known biopsy, proven malignancy",
    ),
}
BREAST = {"L": ("80248007", "Left breast structure"), "R": ("73056007", "Right breast structure")}
LATERALITY = {"L": ("7771000", "Left"), "R": ("24028007", "Right")}
GENDER = {Sex.FEMALE: "female", Sex.MALE: "male", Sex.OTHER: "other"}
THERAPY = {
    TherapyKind.CHEMOTHERAPY: ("367336001", "Chemotherapy"),
    TherapyKind.SURGERY: ("387713003", "Surgical procedure"),
    TherapyKind.RADIOTHERAPY: ("108290001", "Radiation oncology AND/OR radiotherapy"),
    TherapyKind.HORMONE: ("169413002", "Hormone therapy"),
    TherapyKind.IMMUNOTHERAPY: ("76334006", "Immunotherapy"),
}


def coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Json, text: str = "") -> Json:
    return ({"coding": list(codings)} if codings else {}) | ({"text": text} if text else {})


def birads(category: str) -> Json:
    code, display = BIRADS[category]
    return concept(
        coding(SCT, code, display),
        coding(BIRADS_HL7, f"Category{category}"),
        text=f"BI-RADS {category}",
    )


def breast(laterality: str) -> Json:
    return concept(coding(SCT, *BREAST[laterality]))


def own(name: str, code: str, display: str = "") -> Json:
    """A code of ours: what no terminology has a word for."""
    return coding(f"{OURS}/{name}", code, display)
