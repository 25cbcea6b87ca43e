"""Every control of the risk file names a test that exists."""

import ast
import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "risk" / "hazards.csv").read_text(encoding="utf-8")
HAZARDS = list(csv.DictReader(TABLE.splitlines()))
COLUMNS = ["id", "hazard", "severity", "cause", "control", "test"]


def names_in(path: Path) -> set[str]:
    """``function`` and ``Class::function`` of a test module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} | {
        f"{owner.name}::{node.name}"
        for owner in classes
        for node in owner.body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_row_is_complete():
    assert len(HAZARDS) >= 12
    assert all(list(row) == COLUMNS and all(row.values()) for row in HAZARDS)
    assert {row["severity"] for row in HAZARDS} <= {"grave", "serious", "minor"}
    assert len({row["id"] for row in HAZARDS}) == len(HAZARDS)


@pytest.mark.parametrize("row", HAZARDS, ids=lambda row: row["id"])
def test_the_named_test_exists(row):
    path, _, name = row["test"].partition("::")

    assert name in names_in(ROOT / path)
