"""Search (FHIR R4 section 3.1.1): the parameters there are, and pages that lose no row.

Rows come in the order they were recorded, so what is added meanwhile comes after the last page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import make_aware

from analysis.fhir.codes import Json
from analysis.fhir.sources import KINDS, Source
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import require
from mammotrack.errors import Inconsistent, NotFound
from patients.models import normalise_record_number

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
PARAMETERS = {
    "_id": "token",
    "_lastUpdated": "date",
    "patient": "reference",
    "subject": "reference",
}
OF_PATIENT = {"identifier": "token", "family": "string", "given": "string", "birthdate": "date"}
CONTROLS = ("_count", "_cursor", "_format", "_include", "_revinclude")
_COMPARE = {"ge": "gte", "gt": "gt", "le": "lte", "lt": "lt"}
_signer = signing.Signer(salt="mammotrack.fhir.cursor")


class InvalidSearch(Inconsistent):
    code = "invalid_search"


@dataclass(frozen=True)
class Page:
    resources: list[Json]
    next_cursor: str | None


def parameters_of(kind: str) -> dict[str, str]:
    common = dict(PARAMETERS)
    if kind == "Patient":
        return {name: common[name] for name in ("_id", "_lastUpdated")} | OF_PATIENT
    return common


def read(user: User, kind: str, key: UUID) -> Json:
    """The resource, or ``NotFound``: absent and another clinic's look the same."""
    require(user, KINDS[kind].permission)
    for source in KINDS[kind].sources:
        row = source.rows(user).filter(pk=key).first()
        if row is not None:
            return source.resource(row)
    raise NotFound(f"There is no such {kind}.")


def search(user: User, kind: str, parameters: Mapping[str, list[str]]) -> Page:
    require(user, KINDS[kind].permission)
    allowed = parameters_of(kind)
    for name in parameters:
        if name not in allowed and name not in CONTROLS:
            raise InvalidSearch(
                f"{name[:40]} is no parameter of {kind}.", supported=sorted(allowed)
            )
    size = _size(parameters.get("_count", [str(PAGE_SIZE)])[-1])
    at, after = _position(parameters.get("_cursor", [""])[-1])
    sources = KINDS[kind].sources
    found: list[tuple[int, Any, Json]] = []
    for number in range(at, len(sources)):
        rows = _filtered(sources[number], user, parameters, allowed)
        if number == at and after:
            rows = rows.filter(_later_than(*after))
        wanted = size + 1 - len(found)
        found += [(number, row, sources[number].resource(row)) for row in rows[:wanted]]
        if len(found) > size:
            break
    page = found[:size]
    cursor = None
    if len(found) > size:
        number, row, _ = page[-1]
        cursor = _signer.sign_object([number, row.created_at.isoformat(), row.pk.hex])
    return Page([resource for *_, resource in page], cursor)


def everything(user: User, kind: str, *, since: datetime | None, until: datetime) -> Iterator[Json]:
    """Every resource that was there at ``until`` and changed since then, with flat memory."""
    require(user, KINDS[kind].permission)
    for source in KINDS[kind].sources:
        for row in _in_pages(_recorded(source, user, since, until)):
            yield source.resource(row)


def _in_pages(rows: QuerySet[Any]) -> Iterator[Any]:
    """Row by row. ``iterator()`` would hold what one answer of the database holds: up to 16 MB."""
    page = list(rows[:MAX_PAGE_SIZE])
    while page:
        yield from page
        last = page[-1]
        page = list(rows.filter(_later_than(last.created_at, last.pk))[:MAX_PAGE_SIZE])


def patients_in(user: User, kind: str, *, since: datetime | None, until: datetime) -> set[UUID]:
    """Of whom there are such resources."""
    found: set[UUID] = set()
    for source in KINDS[kind].sources:
        rows = _recorded(source, user, since, until)
        found.update(rows.values_list(source.patient_key, flat=True).distinct())
    return found - {None}


def _recorded(source: Source, user: User, since: datetime | None, until: datetime) -> QuerySet[Any]:
    rows = source.rows(user).filter(created_at__lte=until)
    if since:
        rows = rows.filter(**{f"{source.changed}__gte": since})
    return rows.order_by("created_at", "pk")


def _filtered(
    source: Source, user: User, parameters: Mapping[str, list[str]], allowed: Mapping[str, str]
) -> QuerySet[Any]:
    condition = Q()
    for name in allowed:
        for value in parameters.get(name, []):
            condition &= _condition(source, name, value)
    return source.rows(user).filter(condition).order_by("created_at", "pk")


def _condition(source: Source, name: str, value: str) -> Q:
    match name:
        case "_id":
            return Q(pk__in=[_uuid(each) for each in value.split(",")])
        case "patient" | "subject":
            return Q(**{source.patient_key: _uuid(value.removeprefix("Patient/"))})
        case "_lastUpdated":
            return _date_condition(source.changed, value, moment)
        case "identifier":
            return Q(record_number_key=normalise_record_number(value.rpartition("|")[2]))
        case "birthdate":
            return _date_condition("birth_date", value, _day)
        case _:  # family, given
            return Q(**{f"{name}_name__istartswith": value})


def _date_condition(field: str, value: str, parse: Any) -> Q:
    prefix = value[:2]
    if prefix in _COMPARE:
        return Q(**{f"{field}__{_COMPARE[prefix]}": parse(value[2:])})
    return Q(**{field: parse(value.removeprefix("eq"))})


def moment(text: str) -> datetime:
    try:
        at = parse_datetime(text)
        day = None if at else parse_date(text)
    except ValueError as error:
        raise InvalidSearch("There is no such moment.") from error
    if at is None and day:
        at = datetime(day.year, day.month, day.day)  # noqa: DTZ001 -- made aware below
    if at is None:
        raise InvalidSearch("A moment is written 2024-01-31 or 2024-01-31T12:00:00Z.")
    return at if at.tzinfo else make_aware(at)


def _day(text: str) -> Any:
    try:
        day = parse_date(text)
    except ValueError as error:
        raise InvalidSearch("There is no such day.") from error
    if day is None:
        raise InvalidSearch("A date is written 1970-01-31.")
    return day


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidSearch("An id is a UUID.") from error


def _size(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise InvalidSearch("_count is a whole number above 0.")
    return min(int(text), MAX_PAGE_SIZE)


def _position(cursor: str) -> tuple[int, tuple[datetime, UUID] | None]:
    if not cursor:
        return 0, None
    try:
        number, created_at, key = _signer.unsign_object(cursor)
    except signing.BadSignature as error:
        raise InvalidSearch("This cursor was not made here.") from error
    return number, (datetime.fromisoformat(created_at), UUID(key))


def _later_than(created_at: datetime, key: UUID) -> Q:
    return Q(created_at__gte=created_at) & (
        Q(created_at__gt=created_at) | Q(created_at=created_at, pk__gt=key)
    )
