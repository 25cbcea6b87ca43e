"""How the answer to an upload reads: stored, there already, refused, or contradicted."""

from collections.abc import Container
from dataclasses import dataclass

from mammotrack.errors import MammoTrackError
from scans.choices import Laterality, View

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


def _said(value: str | None) -> str:
    return WORDS.get(value or "", value) or "nothing"
