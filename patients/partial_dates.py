"""Dates of which only the year, or year and month, is known (FHIR ``date``): 1961, 1961-03.

A record keeps the first day the date can mean, and how exact it is. What follows from the
date, such as an age, is then a range.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from django.db.models import TextChoices
from django.utils.formats import date_format

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


class Precision(TextChoices):
    DAY = "DAY", "Day"
    MONTH = "MONTH", "Month"
    YEAR = "YEAR", "Year"


@dataclass(frozen=True)
class PartialDate:
    first: date
    precision: str = Precision.DAY

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``; ValueError for anything else."""
        written = _WRITTEN.fullmatch(text.strip())
        if written is None:
            raise ValueError("A date is written 1961, 1961-03 or 1961-03-14.")
        year, month, day = written.groups()
        precision = Precision.DAY if day else Precision.MONTH if month else Precision.YEAR
        return cls(date(int(year), int(month or 1), int(day or 1)), precision)

    @property
    def last(self) -> date:
        """The last day the date can mean."""
        if self.precision == Precision.YEAR:
            return date(self.first.year, 12, 31)
        if self.precision == Precision.MONTH:
            days = monthrange(self.first.year, self.first.month)[1]
            return self.first.replace(day=days)
        return self.first

    def __str__(self) -> str:
        return self.first.isoformat()[: {"YEAR": 4, "MONTH": 7}.get(self.precision, 10)]

    @property
    def in_words(self) -> str:
        if self.precision == Precision.YEAR:
            return str(self.first.year)
        if self.precision == Precision.MONTH:
            return date_format(self.first, "YEAR_MONTH_FORMAT")
        return date_format(self.first, "DATE_FORMAT")

    def may_be(self, day: date) -> bool:
        return self.first <= day <= self.last

    def overlaps(self, other: PartialDate) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Age:
    """Completed years; ``low`` and ``high`` differ where the birth date is not known exactly."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


def age_on(born: PartialDate, day: date) -> Age:
    """The age on that day; ValueError when the day lies before any possible birth."""
    if day < born.first:
        raise ValueError("The day lies before the birth.")
    return Age(max(_years(born.last, day), 0), _years(born.first, day))


def _years(birth_date: date, day: date) -> int:
    """Completed years; who is born on 29 February turns on 1 March of other years."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
