"""Progress of a batch on standard error, so that standard output stays machine-readable."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from django.core.management.base import OutputWrapper

Item = TypeVar("Item")


def tracked(items: Sequence[Item], stream: OutputWrapper) -> Iterator[Item]:
    """The items one by one, counted: in place on a terminal, else a line for every tenth."""
    total = len(items)
    on_terminal = stream.isatty()
    for number, item in enumerate(items, start=1):
        yield item
        last = number == total
        if on_terminal:
            stream.write(f"\r{number} of {total}", ending="\n" if last else "")
        elif last or number % 10 == 0:
            stream.write(f"{number} of {total}")
        stream.flush()
