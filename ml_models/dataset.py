"""Labelled mammograms: reading them, splitting them by patient, and proving which files they were.

Two layouts are read: a table (``labels.csv`` with a row an image) and folders by class as the
founding paper keeps them (``Birad2`` ... ``Birad6``). Whatever is split is split by patient, and a
patient or a picture that stands on two sides is an error, never a warning.
"""

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.decode import load_pixels
from ml_models.errors import ModelError

RESEARCH_DATA_VARIABLE = "MAMMOTRACK_RESEARCH_DATA"
RESEARCH_TABLES = ("inbreast", "cdd_cesm")

_NULLS = frozenset({"", "?", "na", "n/a", "nan", "none", "null"})
_PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
_CATEGORY = re.compile(r"(?:bi-?rads?[ _-]*)?([0-6])[abc]?", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """One labelled mammogram.

    Attributes
    ----------
    path : Path
        The picture.
    name : str
        ``source/relative path``: what the data manifest calls it.
    source : str
        The set it comes from.
    patient : str
        Whose breast it is; unique over all sources.
    category : str
        BI-RADS category of the record, '0' to '6'; 4a, 4b and 4c are '4'.
    laterality, view : str or None
        'L' or 'R'; 'CC', 'MLO', ... None where the table has none.
    spacing_mm : float or None
        Millimetres per pixel of this file.
    file_sha256, pixel_sha256 : str
        Of the file's bytes, and of the decoded picture (the same picture saved twice has one
        pixel hash and two file hashes).
    """

    path: Path
    name: str
    source: str
    patient: str
    category: str
    laterality: str | None
    view: str | None
    spacing_mm: float | None
    file_sha256: str
    pixel_sha256: str


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
    """Read a ``labels.csv``: columns file, patient_id, birads, laterality, view, mm_per_px_here.

    Parameters
    ----------
    table : Path
        UTF-8 CSV; `file` is relative to it. Further columns are not read, and a null is an empty
        cell, ``?``, ``NA``, ``NaN``, ``None`` or ``null``.
    source : str
        Name of the set.

    Returns
    -------
    list of Sample
        Rows without a BI-RADS category are left out: they teach nothing. Views other than CC and
        MLO stay as they are written; a null laterality, view or spacing is None.

    Raises
    ------
    ModelError
        ``missing_column``, ``missing_value`` (a row without file or patient), ``unknown_category``,
        ``invalid_number``, ``data_missing`` (a file that is not there).
    """
    with table.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        for column in ("file", "patient_id", "birads"):
            if column not in (reader.fieldnames or ()):
                raise ModelError(f"{table.name} has no column {column}.", code="missing_column")
        rows = list(reader)
    samples = []
    for number, row in enumerate(rows, start=2):
        value = {column: _value(cell) for column, cell in row.items() if column is not None}
        file, patient, category = value["file"], value["patient_id"], value["birads"]
        if category is None:
            continue
        if file is None or patient is None:
            raise ModelError(
                f"Line {number} of {table.name} needs a file and a patient.", code="missing_value"
            )
        samples.append(
            _sample(
                table.parent / file,
                name=f"{source}/{file}",
                source=source,
                patient=f"{source}/{patient}",
                category=parse_category(category),
                laterality=value.get("laterality"),
                view=value.get("view"),
                spacing_mm=_number(value.get("mm_per_px_here"), f"line {number} of {table.name}"),
            )
        )
    return samples


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


def one_hot(labels: NDArray[np.int64], *, classes: int) -> NDArray[np.float32]:
    """(n,) class indices to (n, classes) float32 rows with a single 1."""
    return np.eye(classes, dtype=np.float32)[labels]


def patient_folds(
    samples: Sequence[Sample], labels: NDArray[np.int64], *, folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Split into folds by patient, keeping the share of every class as even as patients allow.

    Parameters
    ----------
    samples : sequence of Sample
    labels : (n,) int ndarray
        Class of each sample, for the stratification.
    folds : int
        At least 2. Five folds give the 80/20 split of the founding paper.
    seed : int
        Same seed, same folds.

    Returns
    -------
    list of (train, held_out)
        Index arrays into `samples`; every sample is held out exactly once.

    Raises
    ------
    ModelError
        As `check_disjoint`.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    patients = [sample.patient for sample in samples]
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    split = list(splitter.split(np.zeros(len(samples)), labels, patients))
    for train, held_out in split:
        check_disjoint([samples[i] for i in train], [samples[i] for i in held_out])
    return split


def check_disjoint(train: Iterable[Sample], held_out: Iterable[Sample]) -> None:
    """Refuse a split that shares a patient or a picture between its two sides.

    Raises
    ------
    ModelError
        ``patient_on_two_sides`` or ``pixels_on_two_sides``.
    """
    train, held_out = list(train), list(held_out)
    if shared := {s.patient for s in train} & {s.patient for s in held_out}:
        raise ModelError(
            f"{len(shared)} patients stand on both sides of the split.", code="patient_on_two_sides"
        )
    seen = {s.pixel_sha256: s.name for s in train}
    for sample in held_out:
        if sample.pixel_sha256 in seen:
            raise ModelError(
                f"{sample.name} and {seen[sample.pixel_sha256]} are the same picture on both "
                "sides of the split.",
                code="pixels_on_two_sides",
            )


def data_manifest(samples: Sequence[Sample]) -> dict[str, Any]:
    """What the data was: every file's name, hashes and category, and one SHA-256 over them all.

    Returns
    -------
    dict
        ``{"sha256": str, "images": int, "patients": int, "files": [{...}, ...]}``, sorted by
        name; equal for equal data on any machine.
    """
    files = [
        {
            "name": s.name,
            "category": s.category,
            "file_sha256": s.file_sha256,
            "pixel_sha256": s.pixel_sha256,
        }
        for s in sorted(samples, key=lambda s: s.name)
    ]
    text = json.dumps(files, sort_keys=True, separators=(",", ":"))
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "images": len(files),
        "patients": len({s.patient for s in samples}),
        "files": files,
    }


def pixel_sha256(pixels: NDArray[np.float32]) -> str:
    """SHA-256 of a decoded picture: its shape and its values as little-endian float32."""
    digest = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(pixels, "<f4").tobytes())
    return digest.hexdigest()


def _sample(path: Path, **facts: Any) -> Sample:
    if not path.is_file():
        raise ModelError(f"{facts['name']} is named but not there.", code="data_missing")
    return Sample(
        path=path,
        file_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        pixel_sha256=pixel_sha256(load_pixels(path)),
        **facts,
    )


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
