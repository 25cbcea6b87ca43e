"""What resources are made of; FHIR has no nulls and no empty lists."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from analysis.fhir import codes
from analysis.fhir.codes import Json, coding, concept
from mammotrack.accounts.models import User
from mammotrack.models import ChangingModel
from patients.partial_dates import PartialDate, Precision

WRITTEN = {Precision.DAY: "%Y-%m-%d", Precision.MONTH: "%Y-%m", Precision.YEAR: "%Y"}


def resource(kind: str, row: Any, *, version: int | None = None) -> Json:
    return {"resourceType": kind, "id": str(row.pk), "meta": meta(row, version=version)}


def meta(row: Any, *, version: int | None = None, profile: list[str] | None = None) -> Json:
    return filled(
        versionId=str(version) if version else None,
        lastUpdated=instant(row.changed_at if isinstance(row, ChangingModel) else row.created_at),
        profile=profile,
    )


def filled(**members: Any) -> Json:
    """Without what is empty: FHIR has no nulls and no empty lists."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def reference(kind: str, key: Any) -> Json:
    return {"reference": f"{kind}/{_uuid(key)}"}


def _uuid(key: Any) -> str:
    return str(UUID(key)) if isinstance(key, str) else str(key)


def subject(row: Any) -> Json:
    return reference("Patient", row.patient_id)


def practitioner(user: User) -> Json:
    """Who signed. People are no resource here: their id and their printed name stand for them."""
    return {
        "type": "Practitioner",
        "identifier": {"system": f"{codes.OURS}/user", "value": str(user.pk)},
        "display": user.full_name,
    }


def device(kind: str, version: str, sha256: str | None) -> Json:
    versions: list[Json] = [{"value": version}]
    if sha256:
        versions.append({"type": concept(text="SHA-256 of the weights"), "value": sha256})
    return {
        "resourceType": "Device",
        "id": "device",
        "deviceName": [{"name": f"MammoTrack {kind}", "type": "model-name"}],
        "type": concept(coding(codes.SCT, "706690007", "Software")),
        "version": versions,
    }


def agent_type(code: str) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return concept(coding(system, code))


def imaging_category() -> Json:
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    return concept(coding(system, "imaging", "Imaging"))


def ratio(value: float | None) -> Json:
    return {"value": value, "system": codes.UCUM, "code": "1", "unit": "1"}


def period(first: date, last: date | None) -> Json:
    return filled(start=day(first), end=day(last))


def day(on: date | None) -> str | None:
    return on.isoformat() if on else None


def instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def partial_date(born: PartialDate) -> str:
    return born.first.strftime(WRITTEN[Precision(born.precision)])


def listed(name: str) -> list[str]:
    return [name] if name else []
