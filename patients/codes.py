"""Codes under which other systems know our values. Only those that were looked up are here."""

from patients.choices import HistoryItem, Intent, StopReason

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
HGNC = "http://www.genenames.org/geneId"

INTENT: dict[str, str] = {
    Intent.NEOADJUVANT: "373847000",
    Intent.ADJUVANT: "373846009",
    Intent.CURATIVE: "373808002",
    Intent.PALLIATIVE: "363676003",
}
STOP_REASON: dict[str, str] = {
    StopReason.COMPLETED: "182992009",
    StopReason.NO_RESPONSE: "266721009",
    StopReason.NOT_TOLERATED: "407563006",
    StopReason.REFUSED: "105480006",
    StopReason.FINANCIAL: "160932005",
    StopReason.MOVED_AWAY: "184081006",
    StopReason.NOT_AVAILABLE: "309846006",
    StopReason.LOST: "399307001",
    StopReason.DEATH: "419620001",
}
RECEPTOR = {  # in breast cancer specimen by immune stain
    "estrogen_receptor": "85337-4",
    "progesterone_receptor": "85339-0",
    "her2": "85319-2",
}

GENE: dict[str, str] = {
    HistoryItem.BRCA1: "HGNC:1100",
    HistoryItem.BRCA2: "HGNC:1101",
    HistoryItem.PALB2: "HGNC:26144",
    HistoryItem.TP53: "HGNC:11998",
    HistoryItem.CHEK2: "HGNC:16627",
    HistoryItem.ATM: "HGNC:795",
    HistoryItem.RAD51C: "HGNC:9820",
    HistoryItem.RAD51D: "HGNC:9823",
}
HISTORY: dict[tuple[str, str], str] = {  # by item and breast; "" where the code says none
    (HistoryItem.MASTECTOMY, "R"): "Z90.11",
    (HistoryItem.MASTECTOMY, "L"): "Z90.12",
    (HistoryItem.MASTECTOMY, "B"): "Z90.13",
    (HistoryItem.FAMILY_BREAST, ""): "Z80.3",
    (HistoryItem.FAMILY_OVARY, ""): "Z80.41",
}


def history_coding(item: str, laterality: str) -> dict[str, str] | None:
    """The FHIR Coding of an entry of the history; None where no code is known for sure."""
    if item in GENE:
        return coding(HGNC, GENE[item])
    return coding(ICD_10_CM, HISTORY.get((item, laterality)))


def coding(system: str, code: str | None) -> dict[str, str] | None:
    """A FHIR Coding; None where no code is known."""
    return {"system": system, "code": code} if code else None
