import errno
import json
from pathlib import Path

import numpy as np
import pytest

from scans import decoder, limits
from scans.decoder import decode, decode_into, main
from scans.errors import ScanFileError
from scans.header import MammogramHeader
from tests.dicom_files import breast, element, jpeg, mammogram, part_10, png, write_dicom

# The starts of what is neither DICOM nor PNG nor JPEG, whatever the name says.
FOREIGN = {
    "text": b"not a picture\n",
    "PE": b"MZ\x90\0" + bytes(200),
    "ELF": b"\x7fELF" + bytes(200),
    "PDF": b"%PDF-1.7\n" + bytes(200),
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "ZIP": b"PK\x03\x04" + bytes(200),
    "GZIP": b"\x1f\x8b\x08" + bytes(200),
    "PSD": b"8BPS\0\x01" + bytes(200),
    "FITS": b"SIMPLE  =                    T" + bytes(200),
    "TIFF": b"II*\0" + bytes(200),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "WEBP": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(200),
    "AVIF": b"\0\0\0\x1cftypavif" + bytes(200),
    "noise": np.random.default_rng(1).bytes(1_000_000),
    "DICOM without prefix": write_dicom.__doc__.encode() * 10,
    "one byte": b"\x89",
}


def code_of(path: Path) -> str:
    with pytest.raises(ScanFileError) as refused:
        decode(path)
    return refused.value.code


@pytest.mark.parametrize("name", ["a.dcm", "a.png", "a.jpg"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_content_decides_not_the_name(tmp_path, kind, name):
    path = tmp_path / name
    path.write_bytes(FOREIGN[kind])

    assert code_of(path) == "unsupported_file_type"


def test_right_content_under_a_wrong_name_is_read(tmp_path):
    path = write_dicom(tmp_path / "a.txt", mammogram())

    assert decode(path).header.file_format == "DICOM"


def test_data_set_without_prefix_is_never_forced(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(part_10(element(0x00080060, "CS", b"MG"))[132:])

    assert code_of(path) == "unsupported_file_type"


def test_empty_file(tmp_path):
    path = tmp_path / "a.dcm"
    path.touch()

    assert code_of(path) == "empty_file"


def test_file_one_byte_beyond_the_limit(tmp_path):
    path = tmp_path / "a.dcm"
    with path.open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)  # a hole: takes no room on disk

    assert code_of(path) == "file_too_large"


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_dicom(path, mammogram()),
        lambda path: path.write_bytes(png(breast(bits=8))),
        lambda path: path.write_bytes(jpeg(breast(bits=8))),
    ],
    ids=["DICOM", "PNG", "JPEG"],
)
def test_report_holds_header_and_hash(tmp_path, write):
    source = tmp_path / "source"
    write(source)

    report = json.loads(json.dumps(decode_into(source, tmp_path)))

    picture = decode(source)
    assert MammogramHeader.from_json(report["header"]) == picture.header
    assert report["pixel_sha256"] == picture.pixel_sha256()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "display.jpg",
        "pixels.png",
        "source",
        "thumbnail.jpg",
    ]


def test_one_object_is_printed_and_nothing_else(tmp_path, capsys):
    source = write_dicom(tmp_path / "source", mammogram())

    assert main(str(source), str(tmp_path)) == 0

    printed = capsys.readouterr()
    assert printed.err == ""
    assert set(json.loads(printed.out)) == {"header", "pixel_sha256"}


def test_a_refusal_is_printed_and_ends_with_status_3(tmp_path, capsys):
    source = tmp_path / "source.png"
    source.write_text("text")

    assert main(str(source), str(tmp_path)) == 3

    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "code": "unsupported_file_type",
            "detail": "The content of the file is neither DICOM nor PNG nor JPEG.",
            "context": {},
        }
    }


@pytest.mark.parametrize(
    ("failure", "code", "context"),
    [
        (MemoryError(), "decoder_limit", {}),
        (OSError(errno.ENOSPC, "full"), "storage_full", {}),
        (OSError(errno.EIO, "broken"), "decoder_failed", {"exception": "OSError"}),
        (RecursionError("Doe^Jane"), "decoder_failed", {"exception": "RecursionError"}),
    ],
)
def test_outermost_door_names_the_failure_and_quotes_nothing(
    monkeypatch, capsys, failure, code, context
):
    def fail(*_: Path) -> None:
        raise failure

    monkeypatch.setattr(decoder, "decode_into", fail)

    assert main("source", "out") == 3

    printed = capsys.readouterr().out
    error = json.loads(printed)["error"]
    assert (error["code"], error["context"]) == (code, context)
    assert "Jane" not in printed
