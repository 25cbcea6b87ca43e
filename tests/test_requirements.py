"""Every check of the record's requirements runs as a test that carries its row in its name."""

import csv
import re
from pathlib import Path

import pytest

from tests.test_risk import names_in

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "requirements.csv").read_text(encoding="utf-8")
CHECKS = list(csv.DictReader(TABLE.splitlines()))
ROWS = "S1 S2 S3 S4 S6 S9 S12 S13 D2 D8 D10 D12 D13 D14 D15 D16 A1 A2 A3 A4 A5 A6 A7 A8 A11 A13"


def test_every_row_has_a_check():
    assert {check["row"] for check in CHECKS} == set(ROWS.split())
    assert all(list(check) == ["row", "check", "test"] and all(check.values()) for check in CHECKS)
    assert len({check["test"] for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check['row']} {check['check']}")
def test_the_named_test_exists_and_carries_its_row(check):
    path, _, name = check["test"].partition("::")

    assert name in names_in(ROOT / path)
    assert re.search(rf"_{check['row']}_", name)
