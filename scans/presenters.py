"""How the answer to an upload reads: stored, there already, refused, or contradicted."""

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
    """One field on which the file and the form, or the record, disagree."""

    label: str
    in_file: str
    elsewhere: str


@dataclass(frozen=True)
class Refusal:
    code: str
    detail: str
    contradictions: tuple[Contradiction, ...]
    mammogram_id: str | None

    @property
    def file_names_another_patient(self) -> bool:
        return self.code == "patient_mismatch" and bool(self.contradictions)

    @property
    def form_contradicts_file(self) -> bool:
        return self.code == "header_conflict" and bool(self.contradictions)


def refusal(error: MammoTrackError) -> Refusal:
    fields = error.context.get("fields")
    return Refusal(
        code=error.problem_code,
        detail=error.detail,
        contradictions=_contradictions(fields) if isinstance(fields, dict) else (),
        mammogram_id=error.context.get("mammogram_id"),
    )


def _contradictions(fields: dict[str, dict[str, str]]) -> tuple[Contradiction, ...]:
    return tuple(
        Contradiction(
            label=FIELD_LABELS.get(name, name),
            in_file=_said(values["file"]),
            elsewhere=_said(values.get("form") or values.get("record")),
        )
        for name, values in sorted(fields.items())
    )


def _said(value: str | None) -> str:
    return WORDS.get(value or "", value) or "nothing"
