"""The trail as its readers see it: filtered, in sentences, and as a table to take away."""

import csv
import json
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.chain import collection
from mammotrack.audit.models import AuditEntry
from mammotrack.audit.runs import READS
from mammotrack.audit.words import deed_in_words, role_in_words

PAGE_SIZE = 100  # entries; reads of one kind stand on one line
MOST_EXPORTED = 100_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for one
COLUMNS = (
    "seq",
    "time_utc",
    "name",
    "username",
    "role",
    "auth",
    "action",
    "object_type",
    "object_id",
    "patient_id",
    "request_id",
    "detail",
    "hash",
)


@dataclass(frozen=True)
class Filters:
    action: str = ""
    actor_id: UUID | None = None
    patient_id: UUID | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class TrailRow:
    """One entry with the one who acted; personal values are sealed and not among it."""

    document: dict[str, Any]
    actor: User | None

    @property
    def at(self) -> datetime:
        return self.document["created_at"]

    @property
    def seq(self) -> int:
        return self.document["seq"]

    @property
    def who(self) -> str:
        return self.actor.full_name if self.actor else _("The system")

    @property
    def deed(self) -> str:
        return deed_in_words(self.document)

    @property
    def role(self) -> str:
        return role_in_words(self.document["role"])

    @property
    def place(self) -> str:
        """The page or address through which it was done."""
        return self.document["detail"].get("view", "")

    @property
    def patient_id(self) -> str:
        return str(UUID(self.document["patient_id"])) if self.document["patient_id"] else ""

    @property
    def sameness(self) -> Hashable:
        if self.document["action"] not in READS:
            return self.document["_id"]
        names = ("chain", "actor_id", "role", "auth", "patient_id")
        return (self.at.date(), self.deed, self.place, *(self.document[name] for name in names))

    @property
    def raw(self) -> str:
        kept = {key: value for key, value in self.document.items() if key not in {"_id", "mac"}}
        return json.dumps(kept, default=str, indent=2, sort_keys=True)


def trail_rows(reader: User, filters: Filters, *, page: int) -> tuple[list[TrailRow], bool]:
    """One page of the entries of the reader's clinics, newest first; and whether more follow."""
    found = _entries(reader, filters).skip((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)
    rows = list(_with_people(found))
    return rows[:PAGE_SIZE], len(rows) > PAGE_SIZE


def export_lines(reader: User, filters: Filters) -> Iterator[str]:
    """The same entries as CSV, line by line; no cell of it is run as a formula."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in _with_people(_entries(reader, filters).limit(MOST_EXPORTED)):
        yield writer.writerow(safe_cell(each) for each in _cells(row))


def safe_cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _entries(reader: User, filters: Filters) -> Any:
    require(reader, Permission.READ_AUDIT)
    wanted: dict[str, Any] = {"clinic_id": {"$in": [clinic.hex for clinic in reader.clinic_ids]}}
    if filters.action:
        wanted["action"] = filters.action
    if filters.actor_id:
        wanted["actor_id"] = filters.actor_id.hex
    if filters.patient_id:
        about = filters.patient_id.hex
        wanted["$or"] = [{"patient_id": about}, {"detail.patients": about}]
    span: dict[str, datetime] = {}
    if filters.since:
        span["$gte"] = _midnight(filters.since)
    if filters.until:
        span["$lt"] = _midnight(filters.until + timedelta(days=1))
    if span:
        wanted["created_at"] = span
    return collection(AuditEntry).find(wanted, sort=[("created_at", -1), ("seq", -1)])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


def _with_people(documents: Iterable[dict[str, Any]]) -> Iterator[TrailRow]:
    people: dict[str, User | None] = {}
    for document in documents:
        actor_id = document["actor_id"]
        if actor_id and actor_id not in people:
            people[actor_id] = User.objects.filter(pk=UUID(actor_id)).first()
        yield TrailRow(document, people.get(actor_id))


def _cells(row: TrailRow) -> Iterator[object]:
    document = row.document
    yield row.seq
    yield f"{row.at:%Y-%m-%dT%H:%M:%S}Z"
    yield row.who
    yield row.actor.username if row.actor else ""
    for name in ("role", "auth", "action", "object_type", "object_id"):
        yield document[name]
    yield row.patient_id
    yield document["request_id"]
    yield json.dumps(document["detail"], default=str, sort_keys=True)
    yield document["hash"]


class _Echo:
    """A file that hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line
