"""How facts of the patient record read on a page."""

from dataclasses import dataclass
from datetime import date

from patients.models import Patient

DAYS_A_MONTH = 365.2425 / 12


@dataclass(frozen=True)
class Banner:
    """Who this page is about: shown at the top of every page of the patient."""

    patient: Patient
    age: int


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
    return Banner(patient, age_on(patient.birth_date, today))


def age_on(birth_date: date, day: date) -> int:
    """Completed years; who is born on 29 February turns on 1 March of other years."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def interval(days: int) -> str:
    """A span of time in the words people use: days, weeks, then months and years."""
    if days < 14:
        return _counted(days, "day")
    if days < 60:
        return _counted(round(days / 7), "week")
    months = round(days / DAYS_A_MONTH)
    if months < 36:
        return _counted(months, "month")
    return f"{days / DAYS_A_MONTH / 12:.1f} years"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
