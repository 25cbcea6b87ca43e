import numpy as np
import pytest

from benchmarks.document import write_section
from benchmarks.statistics import by_patient, median_by_patient, share_by_patient


def test_an_interval_resamples_patients_and_not_pairs():
    values = [0.0] * 50 + [1.0] * 50
    few, many = ["a"] * 50 + ["b"] * 50, [str(index) for index in range(100)]

    wide = by_patient(lambda index: float(np.mean(np.array(values)[index])), few)
    narrow = by_patient(lambda index: float(np.mean(np.array(values)[index])), many)

    assert (wide.value, wide.low, wide.high) == (0.5, 0.0, 1.0)
    assert 0.35 < narrow.low < 0.5 < narrow.high < 0.65


def test_shares_and_medians_are_printed_with_their_interval():
    patients = ["a", "b", "c", "d"]

    assert str(share_by_patient([True] * 4, patients)) == "1.00 (1.00 to 1.00)"
    assert str(median_by_patient([2.0] * 4, patients)) == "2.0 (2.0 to 2.0)"


def test_nothing_measured_is_not_a_number():
    assert np.isnan(share_by_patient([], []).value)


def test_a_document_gets_what_was_printed(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("Before\n<!-- table -->\nold\n<!-- end of table -->\nAfter\n")

    write_section(document, "table", "  n 3\n")
    write_section(document, "table", "  n 4\n")

    assert document.read_text() == (
        "Before\n<!-- table -->\n\n```text\nn 4\n```\n\n<!-- end of table -->\nAfter\n"
    )


def test_a_document_without_the_section_stays_as_it_is(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("Nothing to fill in\n")

    with pytest.raises(ValueError, match="table"):
        write_section(document, "table", "n 3")

    assert document.read_text() == "Nothing to fill in\n"
