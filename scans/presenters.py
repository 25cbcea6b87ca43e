"""How the answer to an upload reads: stored, there already, refused, or contradicted."""

from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mammotrack.errors import MammoTrackError
from patients.choices import Sex
from patients.models import Patient, normalise_record_number
from patients.partial_dates import PartialDate
from scans.choices import Laterality, View
from scans.header import MammogramHeader
from scans.models import UnmatchedFile
from scans.services import agrees_with_name

FIELD_LABELS = {
    "laterality": gettext_noop("Breast"),
    "view": gettext_noop("View"),
    "exam_date": gettext_noop("Exam date"),
    "accession_number": gettext_noop("Accession number"),
    "pixel_spacing_mm": gettext_noop("Pixel spacing (mm)"),
    "medical_record_number": gettext_noop("Record number"),
    "birth_date": gettext_noop("Birth date"),
    "sex": gettext_noop("Sex"),
}
SENTENCES = {  # of refusals that name what they found
    "invalid_value": gettext_noop("The value of %(attribute)s is missing or not allowed."),
    "invalid_date": gettext_noop("%(attribute)s is not a valid date or time."),
    "pixel_limit": gettext_noop("A picture of %(rows)s x %(columns)s is too small or too large."),
}
WORDS = {**dict(Laterality.choices), **dict(View.choices), **dict(Sex.choices)}


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
        detail=detail_of(error),
        contradictions=_side_by_side(table, fields) if isinstance(fields, dict) else (),
        mammogram_id=error.context.get("mammogram_id"),
        patient_id=error.context.get("patient_id"),
    )


def detail_of(error: MammoTrackError) -> str:
    """The sentence of a refusal, in the reader's language."""
    if error.problem_code in SENTENCES:
        with suppress(KeyError):  # it does not say what it found
            return _(SENTENCES[error.problem_code]) % error.context
    return _(error.detail)


def _side_by_side(
    table: dict[str, dict[str, str]], differing: Container[str]
) -> tuple[Contradiction, ...]:
    return tuple(
        Contradiction(
            label=_(FIELD_LABELS.get(name, name)),
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

    @property
    def sex(self) -> str:
        return _sex_in_words(self.says)


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
    return [
        Contradiction(_("Name"), in_words(says.patient_name) or _("nothing"), name, not same_name),
        Contradiction(_("Record number"), says.patient_id or _("nothing"), number, not same_number),
        Contradiction(
            _("Birth date"),
            PartialDate(born).in_words if born else _("nothing"),
            patient.born.in_words,
            not (born and patient.born.may_be(born)),
        ),
        Contradiction(
            _("Sex"),
            _sex_in_words(says),
            str(Sex(patient.sex).label),
            says.patient_sex != patient.sex,
        ),
    ]


def _sex_in_words(says: MammogramHeader) -> str:
    return str(dict(Sex.choices).get(says.patient_sex or "", _("nothing")))


def _said(value: str | None) -> str:
    return str(WORDS.get(value or "", value) or _("nothing"))
