"""What the HTML doors share: the request they get, pages of a list, a refusal on its form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from mammotrack.accounts.models import User
from mammotrack.errors import MammoTrackError

PAGE_SIZE = 50
LAST_PAGE = 1000


class Request(HttpRequest):
    """What the middleware makes of a request before a page sees it: somebody is signed in."""

    user: User
    htmx: HtmxDetails


@dataclass(frozen=True)
class Page:
    rows: Sequence[Any]
    number: int
    has_next: bool

    @property
    def next_number(self) -> int:
        return self.number + 1

    @property
    def previous_number(self) -> int:
        return self.number - 1


def page_number(text: str | None) -> int:
    return min(max(int(text), 1), LAST_PAGE) if text and text.isdecimal() else 1


def page_of(queryset: QuerySet, number: str | None, *, size: int = PAGE_SIZE) -> Page:
    """One page of an ordered queryset, found without counting the rest."""
    page = page_number(number)
    start = (page - 1) * size
    rows = list(queryset[start : start + size + 1])
    return Page(rows[:size], page, has_next=len(rows) > size)


def show_refusal(form: Form, error: MammoTrackError, *, field: str | None = None) -> None:
    """Put what a service refused on the form: beside its fields where it names them."""
    by_field = error.context.get("errors") or {}
    known = {name: texts for name, texts in by_field.items() if name in form.fields}
    for name, texts in known.items():
        form.add_error(name, [_(text) for text in texts])
    if not known:
        form.add_error(field, _(error.detail))
