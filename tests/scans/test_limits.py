from pathlib import Path

import pytest

from scans import limits
from scans.errors import ERROR_CODES, ScanFileError
from scans.header import FLAGS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "limits.md").read_text()


def documented(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading, back ticks removed."""
    section = DOCUMENT.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def test_every_code_is_documented_with_its_meaning():
    assert {row[0]: row[1] for row in documented("Error codes")} == ERROR_CODES


def test_every_limit_is_documented_with_its_value():
    constants = {
        name: value for name, value in vars(limits).items() if name.isupper() and name != "MIB"
    }
    scalars = {name: value for name, value in constants.items() if isinstance(value, int)}

    assert {row[0]: int(row[1].replace(",", "")) for row in documented("Limits")} == scalars


@pytest.mark.parametrize(
    ("title", "table"),
    [("Transfer syntaxes", limits.TRANSFER_SYNTAXES), ("SOP classes", limits.SOP_CLASSES)],
)
def test_every_allowed_uid_is_documented(title, table):
    assert {row[0]: row[1] for row in documented(title)} == table


def test_every_flag_is_documented_with_its_meaning():
    assert {row[0]: row[1] for row in documented("Flags")} == FLAGS


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (8192, 64), (64, 8192), (5000, 8000)])
def test_size_on_the_limit_passes(rows, columns):
    limits.check_size(rows=rows, columns=columns)


@pytest.mark.parametrize(
    ("rows", "columns"), [(63, 100), (100, 0), (8193, 100), (100, 8193), (5001, 8000), (-1, 100)]
)
def test_size_beyond_the_limit_is_refused(rows, columns):
    with pytest.raises(ScanFileError) as refused:
        limits.check_size(rows=rows, columns=columns)

    assert refused.value.code == "pixel_limit"
    assert refused.value.context == {"rows": rows, "columns": columns}
