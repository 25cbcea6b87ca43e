import struct

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from scans import limits
from scans.dicom_structure import check_structure
from scans.errors import ScanFileError
from tests.dicom_files import (
    NATIVE,
    breast,
    compressed,
    element,
    mammogram,
    nested_sequences,
    part_10,
    write_dicom,
)

MODALITY = element(0x00080060, "CS", b"MG")
ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
OPEN_SEQUENCE = element(0x00082112, "SQ", length=0xFFFFFFFF)


def code_of(data: bytes) -> str:
    with pytest.raises(ScanFileError) as refused:
        check_structure(data)
    return refused.value.code


@pytest.mark.parametrize("transfer_syntax", NATIVE)
def test_whole_file_passes_and_names_its_transfer_syntax(tmp_path, transfer_syntax):
    path = write_dicom(tmp_path / "a", mammogram(), transfer_syntax=transfer_syntax)

    assert check_structure(path.read_bytes()) == transfer_syntax


def test_encapsulated_file_passes(tmp_path):
    frame = compressed(breast(), JPEG2000Lossless, bits=12)
    path = write_dicom(tmp_path / "a", mammogram(), transfer_syntax=JPEG2000Lossless, frame=frame)

    assert check_structure(path.read_bytes()) == JPEG2000Lossless


@pytest.mark.parametrize("transfer_syntax", [*NATIVE, JPEG2000Lossless])
@pytest.mark.parametrize("part", [0.03, 0.1, 0.6, 1.0])
def test_cut_file_is_truncated(tmp_path, transfer_syntax, part):
    frame = (
        compressed(breast(), transfer_syntax, bits=12) if transfer_syntax not in NATIVE else None
    )
    path = write_dicom(tmp_path / "a", mammogram(), transfer_syntax=transfer_syntax, frame=frame)
    data = path.read_bytes()

    assert code_of(data[: min(int(len(data) * part), len(data) - 1)]) == "truncated_file"


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0xFFFFFFFE, 3, 20])
def test_length_beyond_the_file_or_odd_is_truncated(length):
    assert code_of(part_10(element(0x00420011, "OB", b"1234", length=length))) == "truncated_file"


def test_length_beyond_its_own_sequence_is_truncated():
    inner = element(0x00080060, "CS", b"MG", length=40)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    data_set = element(0x00082112, "SQ", item) + element(0x00420011, "OB", bytes(64))

    assert code_of(part_10(data_set)) == "truncated_file"


@pytest.mark.parametrize("depth", [17, 300, 3000])
def test_nesting_beyond_the_limit_is_too_deep(depth):
    assert code_of(part_10(nested_sequences(depth))) == "too_deep"


def test_nesting_in_defined_lengths_is_counted_too():
    inner = b""
    for _ in range(limits.MAX_SEQUENCE_DEPTH + 1):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
        inner = element(0x00082112, "SQ", item)

    assert code_of(part_10(inner)) == "too_deep"


def test_nesting_on_the_limit_passes():
    data = part_10(nested_sequences(limits.MAX_SEQUENCE_DEPTH))

    assert check_structure(data) == ExplicitVRLittleEndian


def test_sequence_sent_as_unknown_is_walked_in_implicit_vr():
    inner = struct.pack("<HHI", 0x0008, 0x0060, 2) + b"MG"
    unknown = element(0x00091001, "UN", length=0xFFFFFFFF)
    whole = part_10(unknown + ITEM + inner + ITEM_END + SEQUENCE_END)

    assert check_structure(whole) == ExplicitVRLittleEndian
    assert code_of(whole[:-1]) == "truncated_file"


@pytest.mark.parametrize(
    "data_set",
    [
        element(0x00091001, "OB") * (limits.MAX_ELEMENTS + 1),
        OPEN_SEQUENCE + (ITEM + ITEM_END) * limits.MAX_ELEMENTS + SEQUENCE_END,
    ],
    ids=["elements", "items"],
)
def test_too_many_elements(data_set):
    assert code_of(part_10(data_set)) == "too_many_elements"


def test_too_many_fragments():
    fragments = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * (limits.MAX_ELEMENTS + 1)
    pixel_data = element(0x7FE00010, "OB", length=0xFFFFFFFF) + fragments + SEQUENCE_END

    assert code_of(part_10(pixel_data, transfer_syntax=JPEG2000Lossless)) == "too_many_elements"


def test_text_beyond_the_limit():
    length = limits.MAX_TEXT_BYTES
    implicit = struct.pack("<HHI", 0x0010, 0x4000, length + 2) + b" " * (length + 2)

    assert check_structure(part_10(element(0x00104000, "UT", b" " * length)))
    assert code_of(part_10(element(0x00104000, "UT", b" " * (length + 2)))) == "text_limit"
    assert code_of(part_10(implicit, transfer_syntax=ImplicitVRLittleEndian)) == "text_limit"


@pytest.mark.parametrize(
    "data_set",
    [
        element(0x00080060, "ZZ", b"MG"),
        element(0x7FE00010, "OW", length=0xFFFFFFFF) + SEQUENCE_END,
        element(0x00420011, "OB", length=0xFFFFFFFF),
        OPEN_SEQUENCE + MODALITY,
        OPEN_SEQUENCE + ITEM + SEQUENCE_END,
        ITEM_END + MODALITY,
    ],
    ids=["unknown VR", "native fragments", "open bytes", "no item", "open item", "stray end"],
)
def test_malformed_data_set(data_set):
    assert code_of(part_10(data_set)) == "malformed_file"


@pytest.mark.parametrize(
    "fragments",
    [struct.pack("<HHI", 0x0008, 0x0060, 0), struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)],
    ids=["not an item", "open fragment"],
)
def test_malformed_fragments(fragments):
    pixel_data = element(0x7FE00010, "OB", length=0xFFFFFFFF) + fragments

    assert code_of(part_10(pixel_data, transfer_syntax=JPEG2000Lossless)) == "malformed_file"


@pytest.mark.parametrize(
    "transfer_syntax",
    [
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.4.100",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.81",
        "../../etc/passwd",
    ],
    ids=["deflated", "big endian", "MPEG2", "HTJ2K", "JPEG-LS near lossless", "a path"],
)
def test_other_transfer_syntaxes_are_refused_unread(transfer_syntax):
    # What follows is no data set at all: nothing may be inflated or parsed before the refusal.
    data = part_10(b"\x78\x9c" * 500, transfer_syntax=transfer_syntax)

    assert code_of(data) == "unsupported_transfer_syntax"


def test_directory_is_no_picture():
    prefix = b"\0" * 128 + b"DICM"
    directory = element(0x00020002, "UI", b"1.2.840.10008.1.3.10")

    assert code_of(prefix + directory + MODALITY) == "unsupported_file_type"


def test_file_without_meta_information():
    prefix = b"\0" * 128 + b"DICM"

    assert code_of(prefix) == "truncated_file"
    assert code_of(prefix + MODALITY) == "malformed_file"
    assert code_of(prefix + element(0x00020001, "OB", length=0xFFFFFFFF)) == "malformed_file"
