"""Codes under which other systems know our values. Only those that were looked up are here."""

from patients.choices import Intent, StopReason

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"

INTENT = {
    Intent.NEOADJUVANT: "373847000",
    Intent.ADJUVANT: "373846009",
    Intent.CURATIVE: "373808002",
    Intent.PALLIATIVE: "363676003",
}
STOP_REASON = {
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


def coding(system: str, code: str | None) -> dict[str, str] | None:
    """A FHIR Coding; None where no code is known."""
    return {"system": system, "code": code} if code else None
