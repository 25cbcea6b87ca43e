from datetime import UTC, date, datetime

import pytest

from scans.errors import ERROR_CODES, ScanFileError
from scans.header import MammogramHeader, agree

HEADER = MammogramHeader(
    file_format="DICOM",
    rows=2294,
    columns=1914,
    bits_stored=12,
    laterality="R",
    view="CC",
    exam_date=date(2024, 1, 31),
    acquired_at=datetime(2024, 1, 31, 8, 30, tzinfo=UTC),
    pixel_spacing_mm=0.094,
    patient_id="MRN-77",
    patient_birth_date=date(1970, 2, 3),
    patient_sex="F",
    flags=("lossy_compression",),
)


def test_header_survives_json():
    assert MammogramHeader.from_json(HEADER.as_json()) == HEADER


def test_header_keeps_the_patient_out_of_its_repr():
    shown = repr(HEADER)

    assert "MRN-77" not in shown
    assert "1970" not in shown


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"exam_date": "soon"},
        {"exam_date": 5},
        {"flags": 3},
        {"flags": ["unheard_of"]},
    ],
)
def test_from_json_refuses_what_as_json_never_writes(change):
    with pytest.raises((TypeError, ValueError)):
        MammogramHeader.from_json(HEADER.as_json() | change)


def test_an_error_carries_one_of_the_listed_codes():
    error = ScanFileError("pixel_limit", "Too large.", rows=9000)

    assert (error.code, error.detail, error.context) == (
        "pixel_limit",
        "Too large.",
        {"rows": 9000},
    )
    assert str(error) == "Too large."
    with pytest.raises(KeyError):
        ScanFileError("no_such_code", "?")
    assert list(ERROR_CODES) == sorted(ERROR_CODES)


@pytest.mark.parametrize(
    ("in_file", "stated", "same"),
    [(0.0940909, 0.094, True), (0.07, 0.14, False), ("L", "L", True), ("ML", "MLO", False)],
)
def test_agree_allows_rounded_numbers_only(in_file, stated, same):
    assert agree(in_file, stated) is same
