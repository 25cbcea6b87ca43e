"""What a request is and whose data it touched.

Reads are noticed where stored rows become objects, so no page can forget to leave a trace:
the middleware writes down every patient of whom a row was loaded while it answered.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.http import HttpResponse


@dataclass
class Trace:
    """One request: how its user signed in, from where, and whose data it touched, by clinic."""

    auth: str
    session: str
    ip: str
    touched: dict[UUID | None, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    recorded: set[UUID] = field(default_factory=set)  # patients of whom it left an entry of its own
    emergencies: Collection[UUID] = ()  # patients open to it in an emergency only

    @property
    def in_emergency(self) -> bool:
        """Whether it touched the data of somebody who is open in an emergency only."""
        return any(not patients.isdisjoint(self.emergencies) for patients in self.touched.values())

    def left_an_entry(self, clinic_id: UUID | None, patient_id: UUID) -> None:
        self.touched[clinic_id].add(patient_id)
        self.recorded.add(patient_id)

    def unrecorded(self) -> dict[UUID | None, set[UUID]]:
        left = {clinic: patients - self.recorded for clinic, patients in self.touched.items()}
        return {clinic: patients for clinic, patients in left.items() if patients}


_current: ContextVar[Trace | None] = ContextVar("audit_trace", default=None)


def current() -> Trace | None:
    return _current.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def shows_no_patient(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For an answer without anything about anybody, that a page asks for again and again."""

    @wraps(view)
    def untraced(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        if trace := _current.get():
            trace.touched.clear()
        return response

    return untraced


class TracedModel(models.Model):
    """Rows about a patient: loading one while a request is answered is a read of that patient."""

    patient_keys: ClassVar[tuple[str, ...]] = ("patient_id",)

    # The fields that tell who it is, with what an erasure puts there: a value, or how to make it.
    personal: ClassVar[Mapping[str, Any]] = {}

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        row = super().from_db(db, field_names, values, **options)
        trace = _current.get()
        if trace:
            for key in cls.patient_keys:
                if patient_id := row.__dict__.get(key):
                    trace.touched[row.__dict__.get("clinic_id")].add(patient_id)
        return row
