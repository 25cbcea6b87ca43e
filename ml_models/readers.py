"""Reading labelled mammograms: tables, folders by class, and a clinic's consented records.

A table (``labels.csv`` with a row an image), folders by class as the founding paper keeps them
(``Birad2`` ... ``Birad6``), and the export of a clinic, which is such a table with a column that
says who consented.
"""

import csv
import hashlib
import os
import re
from pathlib import Path
from typing import Any

from analysis.imaging.decode import load_pixels
from ml_models.dataset import Sample, pixel_sha256
from ml_models.errors import ModelError

RESEARCH_DATA_VARIABLE = "MAMMOTRACK_RESEARCH_DATA"
RESEARCH_TABLES = ("inbreast", "cdd_cesm")

_NULLS = frozenset({"", "?", "na", "n/a", "nan", "none", "null"})
_PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
_CATEGORY = re.compile(r"(?:bi-?rads?[ _-]*)?([0-6])[abc]?", re.IGNORECASE)
_DENSITIES = {"a": "1", "b": "2", "c": "3", "d": "4"}
_CONSENTED = frozenset({"1", "yes", "true"})


def research_data_folder() -> Path:
    """Folder of the research images: ``MAMMOTRACK_RESEARCH_DATA``, else ``../shared/data``."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get(RESEARCH_DATA_VARIABLE) or beside)


def read_research_data(folder: Path) -> list[Sample]:
    """Read the tables of `RESEARCH_TABLES` that lie in a folder.

    Raises
    ------
    ModelError
        ``data_missing`` when there is none of them.
    """
    tables = [folder / name / "labels.csv" for name in RESEARCH_TABLES]
    found = [table for table in tables if table.is_file()]
    if not found:
        raise ModelError(
            f"Expected {' or '.join(RESEARCH_TABLES)} with labels.csv in {folder}; found none. "
            f"Set {RESEARCH_DATA_VARIABLE} or --data.",
            code="data_missing",
        )
    return [sample for table in found for sample in read_table(table, source=table.parent.name)]


def read_table(table: Path, *, source: str) -> list[Sample]:
    """Read a ``labels.csv``, a row an image.

    Parameters
    ----------
    table : Path
        UTF-8 CSV with the columns file (relative to the table), patient_id and birads. Read where
        they are there: laterality, view, acquisition (the exam), density (1 to 4 or A to D),
        device, else orig_width and orig_height (the detector's format), mm_per_px_here. Further
        columns are not read, and a null is an empty cell, ``?``, ``NA``, ``NaN``, ``None`` or
        ``null``.
    source : str
        Name of the set.

    Returns
    -------
    list of Sample
        Rows without a BI-RADS category are left out: they teach nothing. Views other than CC and
        MLO stay as they are written; whatever else is null is None.

    Raises
    ------
    ModelError
        ``missing_column``, ``missing_value`` (a row without file or patient), ``unknown_category``,
        ``invalid_number``, ``data_missing`` (a file that is not there).
    """
    samples = []
    for number, value in enumerate(_rows(table, "file", "patient_id", "birads"), start=2):
        file, patient, category = value["file"], value["patient_id"], value["birads"]
        if category is None:
            continue
        if file is None or patient is None:
            raise ModelError(
                f"Line {number} of {table.name} needs a file and a patient.", code="missing_value"
            )
        density = (value.get("density") or "").lower()
        samples.append(
            _sample(
                table.parent / file,
                name=f"{source}/{file}",
                source=source,
                patient=f"{source}/{patient}",
                category=parse_category(category),
                laterality=value.get("laterality"),
                view=value.get("view"),
                exam=value.get("acquisition"),
                density=_DENSITIES.get(density, density) or None,
                device=value.get("device") or _detector_format(value),
                spacing_mm=_number(value.get("mm_per_px_here"), f"line {number} of {table.name}"),
            )
        )
    return samples


def read_clinic_export(folder: Path) -> list[Sample]:
    """Read what a clinic has exported for training: pictures and a ``labels.csv`` with consent.

    The table is that of `read_table` with one more column, `consent`: 1, yes or true. patient_id is
    a pseudonym that stays the same over exports, so that a patient is never on two sides of a
    split; names, birth dates and record numbers have no place in it.

    Raises
    ------
    ModelError
        As `read_table`; ``consent_missing`` when any row lacks consent: the whole export is then
        refused, since nobody may be left out silently.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        raise ModelError(f"Expected labels.csv in {folder.name}.", code="data_missing")
    for number, value in enumerate(_rows(table, "consent"), start=2):
        if (value["consent"] or "").lower() not in _CONSENTED:
            raise ModelError(
                f"Line {number} of {table.name} has no consent to training.", code="consent_missing"
            )
    return read_table(table, source=folder.name)


def read_class_folders(root: Path) -> list[Sample]:
    """Read folders named by class, such as ``Birad2`` ... ``Birad6``, with pictures in them.

    Such folders name no patient, so file names must: the patient is what precedes the first
    underscore (``1234_LCC.png``). Without one, every file counts as its own patient, and only
    the pixel hashes guard the split.

    Raises
    ------
    ModelError
        ``data_missing`` when no folder is named by a class.
    """
    folders = sorted(
        path for path in root.iterdir() if path.is_dir() and _CATEGORY.fullmatch(path.name)
    )
    if not folders:
        raise ModelError(
            f"Expected folders such as Birad2 ... Birad6 in {root.name}; found none.",
            code="data_missing",
        )
    return [
        _sample(
            path,
            name=f"{root.name}/{folder.name}/{path.name}",
            source=root.name,
            patient=f"{root.name}/{path.stem.split('_', 1)[0]}",
            category=parse_category(folder.name),
            laterality=None,
            view=None,
            exam=None,
            density=None,
            device=None,
            spacing_mm=None,
        )
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _PICTURE_SUFFIXES
    ]


def parse_category(text: str) -> str:
    """'4', '4a', 'BI-RADS 4' or 'Birad4' to '4'; ``unknown_category`` for anything else."""
    match = _CATEGORY.fullmatch(text.strip())
    if match is None:
        raise ModelError(f"{text!r} is no BI-RADS category from 0 to 6.", code="unknown_category")
    return match[1]


def _sample(path: Path, **facts: Any) -> Sample:
    if not path.is_file():
        raise ModelError(f"{facts['name']} is named but not there.", code="data_missing")
    return Sample(
        path=path,
        file_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        pixel_sha256=pixel_sha256(load_pixels(path)),
        **facts,
    )


def _rows(table: Path, *needed: str) -> list[dict[str, str | None]]:
    with table.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        for column in needed:
            if column not in (reader.fieldnames or ()):
                raise ModelError(f"{table.name} has no column {column}.", code="missing_column")
        return [
            {column: _value(cell) for column, cell in row.items() if column is not None}
            for row in reader
        ]


def _detector_format(value: dict[str, str | None]) -> str | None:
    width, height = value.get("orig_width"), value.get("orig_height")
    return f"{width}x{height}" if width and height else None


def _value(cell: str | None) -> str | None:
    text = (cell or "").strip()
    return None if text.lower() in _NULLS else text


def _number(text: str | None, where: str) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise ModelError(f"{text!r} in {where} is no number.", code="invalid_number") from None
