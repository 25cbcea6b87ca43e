"""Reading the UCI Mammographic Mass table.

Elter, Schulz-Wendtland, Wittenberg (2007), Medical Physics 34(11), 4164-4172; CC BY 4.0.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml_models.attributes.descriptors import Density, Descriptors, Margin, Shape
from ml_models.errors import ModelError

TABLE = Path("tables") / "uci_mammographic_masses.data"
COLUMNS = ("BI-RADS assessment", "Age", "Shape", "Margin", "Density", "Severity")
RANGES = ((1, 5), (0, 120), (1, len(Shape)), (1, len(Margin)), (1, len(Density)))


@dataclass(frozen=True)
class MassTable:
    """The table, in its own order.

    Attributes
    ----------
    masses : tuple of Descriptors
    malignant : (n,) bool ndarray
    missing, out_of_range : dict of str to int
        By column: cells that are empty (``?``), and numbers outside the documented range, which
        are read as missing too.
    sha256 : str
        Of the file.
    """

    masses: tuple[Descriptors, ...]
    malignant: NDArray[np.bool_]
    missing: dict[str, int]
    out_of_range: dict[str, int]
    sha256: str

    def patterns(self) -> NDArray[np.int64]:
        """(n,) number of each row's combination of attributes: equal rows, equal number."""
        numbers: dict[Descriptors, int] = {}
        return np.array([numbers.setdefault(mass, len(numbers)) for mass in self.masses])


def read_mass_table(path: Path) -> MassTable:
    """Read the table as published, with or without its line of column names.

    A number outside a column's documented range is a slip of the pen and read as missing: an
    assessment of 55, but also 0 (none yet) and 6 (proven cancer, which is the answer itself).

    Raises
    ------
    ModelError
        ``data_missing``, or ``invalid_table`` for a row without six whole numbers or ``?``.
    """
    if not path.is_file():
        raise ModelError(f"There is no {path.name} in {path.parent}.", code="data_missing")
    stored = path.read_bytes()
    rows = [row for row in csv.reader(stored.decode("ascii").splitlines()) if row]
    if rows and rows[0][0] == COLUMNS[0]:
        del rows[0]
    cells = [_numbers(row, line) for line, row in enumerate(rows, start=1)]
    missing, out_of_range = dict.fromkeys(COLUMNS[:-1], 0), dict.fromkeys(COLUMNS[:-1], 0)
    masses = []
    for *values, _ in cells:
        for i, (column, (low, high)) in enumerate(zip(COLUMNS[:-1], RANGES, strict=True)):
            number = values[i]
            if number is None:
                missing[column] += 1
            elif not low <= number <= high:
                out_of_range[column] += 1
                values[i] = None
        masses.append(_mass(values))
    return MassTable(
        masses=tuple(masses),
        malignant=np.array([severity == 1 for *_, severity in cells]),
        missing=missing,
        out_of_range=out_of_range,
        sha256=hashlib.sha256(stored).hexdigest(),
    )


def _numbers(row: Sequence[str], line: int) -> list[int | None]:
    try:
        values = [None if cell.strip() == "?" else int(cell) for cell in row]
    except ValueError:
        values = []
    if len(values) != len(COLUMNS) or values[-1] not in (0, 1):
        raise ModelError(f"Row {line} of the mass table is not valid.", code="invalid_table")
    return values


def _mass(values: Sequence[int | None]) -> Descriptors:
    assessment, age, shape, margin, density = values
    return Descriptors(
        age=age,
        shape=None if shape is None else Shape(shape),
        margin=None if margin is None else Margin(margin),
        density=None if density is None else Density(density),
        assessment=assessment,
    )
