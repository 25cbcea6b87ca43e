"""Typed reading of single DICOM values (PS3.5 section 6.2), each refused by its own code.

pydicom hands over what it finds; a hostile or careless file may hold any type in any element.
"""

import math
import re
import struct
import unicodedata
from datetime import date, time, timedelta, timezone
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from scans.errors import ScanFileError

_MAX_UID_LENGTH = 64
_MAX_TEXT_LENGTH = 64

_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
_DATE = re.compile(r"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")  # with points: ACR-NEMA, still met
_TIME = re.compile(r"([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:\.([0-9]{1,6}))?)?)?")
_OFFSET = re.compile(r"([+-])([0-9]{2})([0-9]{2})")
_MAX_OFFSET = timedelta(hours=14)

# What pydicom raises while it turns the bytes of a hostile element into a value.
CONVERSION_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    EOFError,
    struct.error,
    BytesLengthException,
    InvalidDicomError,
)


def read_value(ds: Dataset, keyword: str) -> Any:
    try:
        return ds.get(keyword)
    except CONVERSION_ERRORS as error:
        raise invalid_value(keyword) from error


def read_integer(ds: Dataset, keyword: str, *, default: int | None = None) -> int:
    value = read_value(ds, keyword)
    if value is None and default is not None:
        return default
    if not isinstance(value, int):
        raise invalid_value(keyword)
    return int(value)


def read_numbers(ds: Dataset, keyword: str) -> list[float]:
    value = read_value(ds, keyword)
    if value is None or value == "":
        return []
    values = [value] if isinstance(value, (int, float, str)) else value
    try:
        numbers = [float(number) for number in values]
    except (TypeError, ValueError) as error:
        raise invalid_value(keyword) from error
    if not all(math.isfinite(number) for number in numbers):
        raise invalid_value(keyword)
    return numbers


def read_items(ds: Dataset, keyword: str) -> list[Dataset]:
    value = read_value(ds, keyword)
    if value is None:
        return []
    if not isinstance(value, pydicom.Sequence):
        raise invalid_value(keyword)
    return list(value)


def read_term(ds: Dataset, keyword: str) -> str | None:
    """Return a coded or formatted value without its padding; several values are no value."""
    value = read_value(ds, keyword)
    return (value.strip(" \0") or None) if isinstance(value, str) else None


def read_text(ds: Dataset, keyword: str) -> str | None:
    """Return text a person wrote, refused where it was not read in its own character set."""
    value = read_value(ds, keyword)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid_value(keyword)
    text = value.strip(" \0")
    if "\ufffd" in text or not (text.isascii() or read_value(ds, "SpecificCharacterSet")):
        raise ScanFileError(
            "charset", "A text does not fit the character set of the file.", attribute=keyword
        )
    if len(text) > _MAX_TEXT_LENGTH or any(
        unicodedata.category(letter).startswith("C") for letter in text
    ):
        raise invalid_value(keyword)
    return unicodedata.normalize("NFC", text) or None


def read_uid(ds: Dataset, keyword: str) -> str:
    value = read_term(ds, keyword) or ""
    if len(value) > _MAX_UID_LENGTH or not _UID.fullmatch(value):
        raise ScanFileError(
            "invalid_uid", "A required UID is missing or not valid.", attribute=keyword
        )
    return str(value)


def read_date(ds: Dataset, keyword: str) -> date | None:
    raw = read_term(ds, keyword)
    return None if raw is None else parse_date(raw, keyword)


def parse_date(raw: str, keyword: str) -> date:
    match = _DATE.fullmatch(raw)
    if match is None:
        raise invalid_date(keyword)
    year, _, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise invalid_date(keyword) from error


def parse_time(raw: str, keyword: str) -> time:
    match = _TIME.fullmatch(raw)
    if match is None:
        raise invalid_date(keyword)
    hour, minute, second, fraction = match.groups(default="0")
    whole_second = min(int(second), 59)  # 60 is a leap second
    try:
        return time(int(hour), int(minute), whole_second, int(fraction.ljust(6, "0")))
    except ValueError as error:
        raise invalid_date(keyword) from error


def parse_offset(raw: str) -> timezone:
    match = _OFFSET.fullmatch(raw)
    if match is None:
        raise invalid_date("TimezoneOffsetFromUTC")
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > _MAX_OFFSET:
        raise invalid_date("TimezoneOffsetFromUTC")
    return timezone(-offset if sign == "-" else offset)


def invalid_value(keyword: str) -> ScanFileError:
    return ScanFileError(
        "invalid_value",
        f"The value of {keyword} is missing or not allowed.",
        attribute=keyword,
    )


def invalid_date(keyword: str) -> ScanFileError:
    return ScanFileError(
        "invalid_date", f"{keyword} is not a valid date or time.", attribute=keyword
    )
