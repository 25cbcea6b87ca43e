"""Every attack of docs/attacks.csv has a test named after it, where the table says.

A further section joins by its rows: its first letter is then held to the same.
"""

import ast
import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "attacks.csv").read_text(encoding="utf-8")
ATTACKS = list(csv.DictReader(TABLE.splitlines()))
COLUMNS = ["id", "tried", "expected", "tests"]


def rows_tested() -> dict[str, set[str]]:
    """For each row that a test's name holds, the modules of these tests."""
    found = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for row in re.findall(r"_([A-Z]\d\d)(?=_)", node.name, re.IGNORECASE):
                    found[row.upper()].add(str(path.relative_to(ROOT)))
    return found


TESTED = rows_tested()


def test_every_row_is_complete_and_in_order():
    ids = [row["id"] for row in ATTACKS]

    assert all(list(row) == COLUMNS and all(row.values()) for row in ATTACKS)
    assert len(set(ids)) == len(ids)
    for section in dict.fromkeys(key[0] for key in ids):
        numbers = [int(key[1:]) for key in ids if key[0] == section]
        assert numbers == sorted(numbers), section


@pytest.mark.parametrize("row", ATTACKS, ids=lambda row: row["id"])
def test_the_attack_is_tried(row):
    """Tests elsewhere may carry the same id: features are numbered alike."""
    assert set(row["tests"].split()) <= TESTED[row["id"]]
