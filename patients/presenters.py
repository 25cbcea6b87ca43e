"""How facts of the patient record read on a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from patients.choices import ConsentPurpose
from patients.consents import consent_states
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from patients.partial_dates import Age, age_on

REFUSALS: dict[str, str] = {
    ConsentPurpose.PROCEDURE: gettext_noop("No mammography"),
    ConsentPurpose.AI: gettext_noop("No analysis by computer"),
}
DAYS_A_MONTH = 365.2425 / 12


@dataclass(frozen=True)
class Banner:
    """Who this page is about: shown at the top of every page of the patient."""

    patient: Patient
    age: Age  # today, or at death
    refused: list[str]  # what the patient does not allow
    analysis_allowed: bool


@dataclass(frozen=True)
class ValuePair:
    """One field as typed and as it is on record now."""

    label: str
    typed: str
    on_record: str

    @property
    def differs(self) -> bool:
        return self.typed != self.on_record


def banner(patient: Patient, *, today: date) -> Banner:
    states = consent_states(patient.pk)
    return Banner(
        patient,
        age_on(patient.born, patient.deceased_date or today),
        refused=[_(text) for purpose, text in REFUSALS.items() if not states[purpose].allowed],
        analysis_allowed=states[ConsentPurpose.AI].allowed,
    )


def age_at_exam(patient: Patient, exam_date: date) -> str:
    """For example 48 y; a range of two ages where the birth date is not known exactly."""
    if exam_date < patient.birth_date:
        return ""
    return _("%(age)s y") % {"age": age_on(patient.born, exam_date)}


@dataclass(frozen=True)
class TherapyRow:
    """One course with its cycles."""

    course: TherapyCourse
    cycles: list[TherapyCycle]


def therapy_rows(
    courses: Iterable[TherapyCourse], cycles: Iterable[TherapyCycle]
) -> list[TherapyRow]:
    given = list(cycles)
    return [TherapyRow(c, [cycle for cycle in given if cycle.course_id == c.pk]) for c in courses]


def receptors(report: PathologyReport) -> str:
    """For example "ER positive, PR low positive, HER2 negative, Ki-67 20 %"."""
    stated = [
        ("ER", report.get_estrogen_receptor_display()),
        ("PR", report.get_progesterone_receptor_display()),
        ("HER2", report.get_her2_display()),
        ("Ki-67", "" if report.ki67_percent is None else f"{report.ki67_percent} %"),
    ]
    return ", ".join(f"{name} {value.lower()}" for name, value in stated if value)


def interval(days: int) -> str:
    """A span of time in the words people use: days, weeks, then months and years."""
    if days < 14:
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    if days < 60:
        weeks = round(days / 7)
        return ngettext("%(count)d week", "%(count)d weeks", weeks) % {"count": weeks}
    months = round(days / DAYS_A_MONTH)
    if months < 36:
        return ngettext("%(count)d month", "%(count)d months", months) % {"count": months}
    return _("%(count)s years") % {"count": number_format(f"{days / DAYS_A_MONTH / 12:.1f}")}
