"""What a file says about the picture it holds, and the names of what is made from it."""

import dataclasses
import math
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self

FileFormat = Literal["DICOM", "PNG", "JPEG"]

PIXELS_NAME = "pixels.png"
DISPLAY_NAME = "display.jpg"
THUMBNAIL_NAME = "thumbnail.jpg"
FRAME_NAME = "frame.raw"

FLAGS = {
    "anisotropic_spacing": "Row and column spacing differ by more than 1 %; no spacing is given.",
    "burned_in_annotation": "The file says that text is burned into the picture.",
    "colour": "The picture is in colour and was turned to luminance.",
    "conflicting_laterality": "The file names both sides; no laterality is given.",
    "conflicting_view": "The file names several views; no view is given.",
    "executable_preamble": "The file starts like a program; it must never be run.",
    "exif_orientation": "The picture was turned or mirrored as its Exif orientation says.",
    "implausible_spacing": "The stated spacing or magnification cannot be true; none is given.",
    "inferred_depth": "12 bits or so in a 16-bit PNG: the depth was inferred from the values.",
    "lossy_compression": "The picture was compressed with loss at some time.",
    "secondary_capture": "Not from the detector itself, but digitised or converted.",
    "spacing_at_detector": "The spacing is that at the detector; the magnification is not stated.",
    "trailing_bytes": "There are bytes after the end of the picture; they are not read.",
    "unrecognised_laterality": "The stated side is none of L and R; the raw value follows.",
    "unrecognised_sex": "The stated sex is none of F, M and O; the raw value follows.",
    "unrecognised_view": "The stated view or code is not known; the raw value follows.",
    "view_modifier": "The view is modified: magnified, spot compression, implant displaced.",
}
"""What a person should know about a file that is taken in, each code with its meaning."""


@dataclass(frozen=True, kw_only=True)
class MammogramHeader:
    """The facts read from one file; None where the file does not say.

    ``acquired_at`` is naive where the file states no offset from UTC: local time of the clinic.
    ``pixel_spacing_mm`` is the spacing in the plane of the breast as far as the file tells.
    ``flags`` are codes of ``FLAGS``, some with the raw value after a colon. The patient's
    attributes stay out of ``repr``.
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
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    accession_number: str | None = None
    modality: str | None = None
    manufacturer: str | None = None
    device_model: str | None = None
    pixel_spacing_mm: float | None = None
    patient_id: str | None = field(default=None, repr=False)
    patient_name: str | None = field(default=None, repr=False)  # family^given
    patient_birth_date: date | None = field(default=None, repr=False)
    patient_sex: str | None = field(default=None, repr=False)
    photometric_interpretation: str | None = None
    transfer_syntax_uid: str | None = None
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not {flag.partition(":")[0] for flag in self.flags} <= FLAGS.keys():
            raise ValueError("A flag of the header is none of FLAGS.")

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


SPACING_TOLERANCE = 0.01  # relative: a form rounds what a header spells out


def agree(in_file: object, stated: object) -> bool:
    """Whether a person and a file say the same; numbers may be rounded."""
    if isinstance(in_file, float) and isinstance(stated, float):
        return math.isclose(in_file, stated, rel_tol=SPACING_TOLERANCE)
    return in_file == stated


_DATES = {"exam_date": date, "acquired_at": datetime, "patient_birth_date": date}
