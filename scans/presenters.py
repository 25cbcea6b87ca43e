"""How the answer to an upload reads: stored, there already, refused, or contradicted."""

from collections.abc import Container
from dataclasses import dataclass

from mammotrack.errors import MammoTrackError
from patients.choices import Sex
from patients.models import Patient, normalise_record_number
from patients.partial_dates import PartialDate
from scans.choices import Laterality, View
from scans.header import MammogramHeader
from scans.models import UnmatchedFile
from scans.services import agrees_with_name

FIELD_LABELS = {
    "laterality": "Breast",
    "view": "View",
    "exam_date": "Exam date",
    "accession_number": "Accession number",
    "pixel_spacing_mm": "Pixel spacing (mm)",
    "medical_record_number": "Record number",
    "birth_date": "Birth date",
    "sex": "Sex",
}
WORDS = dict(Laterality.choices) | dict(View.choices)


@dataclass(frozen=True)
class Contradiction:
    """One field as the file and the form, or the record, have it."""

    label: str
    in_file: str
    elsewhere: str
    differs: bool = True


@dataclass(frozen=True)
class Refusal:
    code: str
    detail: str
    contradictions: tuple[Contradiction, ...]
    mammogram_id: str | None
    patient_id: str | None  # of the other record that has the picture

    @property
    def file_names_another_patient(self) -> bool:
        return self.code == "patient_mismatch" and bool(self.contradictions)

    @property
    def form_contradicts_file(self) -> bool:
        return self.code == "header_conflict" and bool(self.contradictions)


def refusal(error: MammoTrackError) -> Refusal:
    fields = error.context.get("fields")
    table: dict[str, dict[str, str]] = error.context.get("compared") or fields or {}
    return Refusal(
        code=error.problem_code,
        detail=error.detail,
        contradictions=_side_by_side(table, fields) if isinstance(fields, dict) else (),
        mammogram_id=error.context.get("mammogram_id"),
        patient_id=error.context.get("patient_id"),
    )


def _side_by_side(
    table: dict[str, dict[str, str]], differing: Container[str]
) -> tuple[Contradiction, ...]:
    return tuple(
        Contradiction(
            label=FIELD_LABELS.get(name, name),
            in_file=_said(values["file"]),
            elsewhere=_said(values.get("form") or values.get("record")),
            differs=name in differing,
        )
        for name, values in sorted(table.items())
    )


@dataclass(frozen=True)
class FileRow:
    """A file that waits, as the list shows it."""

    file: UnmatchedFile
    name: str
    record_number: str

    @property
    def says(self) -> MammogramHeader:
        return self.file.says


def file_row(file: UnmatchedFile) -> FileRow:
    says = file.says
    return FileRow(file, in_words(says.patient_name), says.patient_id or "")


def in_words(name: str | None) -> str:
    """``family^given`` as a page writes it."""
    return ", ".join(part for part in (name or "").split("^") if part)


def identities(file: UnmatchedFile, patient: Patient) -> list[Contradiction]:
    """Who the file names beside who the record names."""
    says = file.says
    name = f"{patient.family_name}, {patient.given_name}".rstrip(", ")
    same_name = bool(says.patient_name) and agrees_with_name(says.patient_name or "", patient)
    number = patient.medical_record_number
    same_number = normalise_record_number(says.patient_id or "") == patient.record_number_key
    born = says.patient_birth_date
    sex = says.patient_sex
    words = dict(Sex.choices)
    return [
        Contradiction("Name", in_words(says.patient_name) or "nothing", name, not same_name),
        Contradiction("Record number", says.patient_id or "nothing", number, not same_number),
        Contradiction(
            "Birth date",
            PartialDate(born).in_words if born else "nothing",
            patient.born.in_words,
            not (born and patient.born.may_be(born)),
        ),
        Contradiction(
            "Sex", words.get(sex or "", "nothing"), words[patient.sex], sex != patient.sex
        ),
    ]


def _said(value: str | None) -> str:
    return WORDS.get(value or "", value) or "nothing"
