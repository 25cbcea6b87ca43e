"""What a file says about the picture it holds, and the names of what is made from it."""

import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self

FileFormat = Literal["DICOM", "PNG", "JPEG"]

PIXELS_NAME = "pixels.png"
DISPLAY_NAME = "display.jpg"
THUMBNAIL_NAME = "thumbnail.jpg"


@dataclass(frozen=True, kw_only=True)
class MammogramHeader:
    """The facts read from one file; None where the file does not say.

    ``acquired_at`` is naive where the file states no offset from UTC: local time of the clinic.
    ``pixel_spacing_mm`` is the spacing in the plane of the breast as far as the file tells.
    ``flags`` are stable snake_case codes, some with the raw value after a colon
    (docs/limits.md lists them). The patient's attributes stay out of ``repr``.
    """

    file_format: FileFormat
    rows: int
    columns: int
    bits_stored: int
    laterality: Literal["L", "R"] | None = None
    view: str | None = None
    exam_date: date | None = None
    acquired_at: datetime | None = None
    study_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    accession_number: str | None = None
    modality: str | None = None
    manufacturer: str | None = None
    device_model: str | None = None
    pixel_spacing_mm: float | None = None
    patient_id: str | None = field(default=None, repr=False)
    patient_birth_date: date | None = field(default=None, repr=False)
    patient_sex: str | None = field(default=None, repr=False)
    photometric_interpretation: str | None = None
    transfer_syntax_uid: str | None = None
    flags: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return JSON values only; dates in ISO 8601."""
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Rebuild what ``as_json`` wrote; TypeError or ValueError for anything else."""
        values = dict(values)
        for name, kind in _DATES.items():
            if values.get(name) is not None:
                values[name] = kind.fromisoformat(values[name])
        values["flags"] = tuple(values.get("flags", ()))
        return cls(**values)


_DATES = {"exam_date": date, "acquired_at": datetime, "patient_birth_date": date}
