"""Analysis of files on disk, without a database: what the commands run on."""

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from analysis.errors import FileRefused
from analysis.pipeline import Picture
from scans.errors import ScanFileError
from scans.header import agree
from scans.sandbox import decode_file

Value = TypeVar("Value", str, float)


@contextmanager
def opened(
    path: Path,
    *,
    laterality: str | None = None,
    view: str | None = None,
    spacing_mm: float | None = None,
) -> Iterator[Picture]:
    """Decode a file through the same gate as an upload, for as long as the block runs.

    What the file's header says wins; what the caller says fills the gaps.

    Raises
    ------
    FileRefused
        There is no such file, it cannot be read, or it contradicts what the caller says.
    """
    with TemporaryDirectory(prefix="mammotrack-") as scratch:
        yield _decoded(path, scratch, laterality=laterality, view=view, spacing_mm=spacing_mm)


@contextmanager
def opened_pair(
    prior: Path,
    current: Path,
    *,
    laterality: str | None,
    view: str | None,
    prior_spacing_mm: float | None,
    current_spacing_mm: float | None,
) -> Iterator[tuple[Picture, Picture]]:
    """Decode two files at once, each in a process of its own; else as ``opened``."""
    position = {"laterality": laterality, "view": view}
    with (
        TemporaryDirectory(prefix="mammotrack-") as before,
        TemporaryDirectory(prefix="mammotrack-") as after,
    ):
        with ThreadPoolExecutor(max_workers=2) as both:
            earlier = both.submit(_decoded, prior, before, spacing_mm=prior_spacing_mm, **position)
            later = both.submit(_decoded, current, after, spacing_mm=current_spacing_mm, **position)
        yield earlier.result(), later.result()


def _decoded(
    path: Path,
    scratch: str,
    *,
    laterality: str | None,
    view: str | None,
    spacing_mm: float | None,
) -> Picture:
    if not path.is_file():
        raise FileRefused("file_not_found", f"There is no file {path}.")
    try:
        decoded = decode_file(path, Path(scratch))
    except ScanFileError as error:
        raise FileRefused(error.code, f"{path.name}: {error.detail}") from error
    header = decoded.header
    return Picture(
        pixels=decoded.pixels,
        spacing_mm=_agreed("pixel spacing", header.pixel_spacing_mm, spacing_mm, path),
        laterality=_agreed("laterality", header.laterality, laterality, path),
        view=_agreed("view", header.view, view, path),
    )


def _agreed(what: str, in_file: Value | None, given: Value | None, path: Path) -> Value | None:
    if in_file is not None and given is not None and not agree(in_file, given):
        raise FileRefused(
            "header_conflict", f"{path.name} says {what} {in_file}, the option says {given}."
        )
    return in_file if in_file is not None else given


def table_rows(path: Path, *, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file that must have these columns. File names are relative to it."""
    if not path.is_file():
        raise FileRefused("file_not_found", f"There is no file {path}.")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        if missing:
            raise FileRefused(
                "invalid_table", f"{path.name} lacks the columns: {', '.join(missing)}."
            )
        return list(reader)


def beside(table: Path, name: str) -> Path:
    """A file named in a table: as given if it exists so, else beside the table."""
    direct = Path(name)
    return direct if direct.is_absolute() or direct.exists() else table.parent / direct
