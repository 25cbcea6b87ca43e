"""Labelled mammograms: splitting them by patient, and proving which files they were.

Whatever is split is split by patient, and a patient or a picture that stands on two sides is an
error, never a warning. Pictures are varied (mirrored, say) only after the split: what is split are
files. `ml_models.readers` fills the samples.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ModelError


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
    exam : str or None
        Tells the exams of one patient apart, a date or a number.
    density : str or None
        Breast density '1' to '4' (ACR a to d).
    device : str or None
        The detector, as the set names it.
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
    exam: str | None
    density: str | None
    device: str | None
    spacing_mm: float | None
    file_sha256: str
    pixel_sha256: str

    @property
    def breast(self) -> "Breast":
        """Patient, exam and side: pictures that share them show one breast at one time.

        A picture without a side is a breast of its own.
        """
        return self.patient, self.exam, self.laterality or self.name


Breast = tuple[str, str | None, str]


def other_breast(breast: Breast) -> Breast | None:
    """The other side in the same exam; None where the side is not known."""
    patient, exam, side = breast
    return (patient, exam, "R" if side == "L" else "L") if side in ("L", "R") else None


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


def image_folds(
    labels: NDArray[np.int64], *, folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Split into folds by image, women on both sides: only to show what that leaks."""
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(labels)), labels))


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
