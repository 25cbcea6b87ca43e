"""Reads one after another through the same page, as one line: a timeline loads its thumbnails."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import groupby
from typing import Protocol, TypeVar

from mammotrack.audit.models import Action

READS = {Action.RECORD_READ.value, Action.GLASS_READ.value}


class Shown(Protocol):
    @property
    def sameness(self) -> Hashable:
        """Equal in two reads that a reader of the trail need not tell apart."""


RowT = TypeVar("RowT", bound=Shown)


def runs(rows: Iterable[RowT]) -> list[Sequence[RowT]]:
    """The rows in their order, those of one sameness that follow each other together."""
    return [list(same) for _, same in groupby(rows, key=lambda row: row.sameness)]
