"""Decode a file in a process of its own, which may crash, hang or run out of memory alone."""

import json
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scans import limits
from scans.codestream import PNG_START
from scans.decoder import REFUSED
from scans.decoder_process import decoders
from scans.errors import ScanFileError
from scans.header import DISPLAY_NAME, FRAME_NAME, PIXELS_NAME, THUMBNAIL_NAME, MammogramHeader

_PNG_GRAY = 0


@dataclass(frozen=True)
class DecodedFile:
    """A decoded picture: its header, the hash of its stored values, and three files.

    ``pixels`` is a lossless gray PNG of 8 or 16 bit with presentation values, ``display`` and
    ``thumbnail`` are 8-bit JPEG for people.
    """

    header: MammogramHeader
    pixel_sha256: str
    pixels: Path
    display: Path
    thumbnail: Path

    @property
    def pictures(self) -> Mapping[str, Path]:
        """The three files by the names they are stored under."""
        return {path.name: path for path in (self.pixels, self.display, self.thumbnail)}


def decode_file(source: Path, out_dir: Path) -> DecodedFile:
    """Decode ``source`` into ``out_dir``, an existing folder; on a refusal nothing stays there.

    Raises
    ------
    ScanFileError
        What the child found wrong with the file; ``decoder_limit`` if it was ended by a limit
        or a signal, ``decoder_failed`` if it ended in a way that was not foreseen.
    """
    paths = [out_dir / name for name in (PIXELS_NAME, DISPLAY_NAME, THUMBNAIL_NAME)]
    try:
        report = _run(source.resolve(), out_dir.resolve())
        decoded = _decoded_file(report, paths)
        _check_pictures(decoded)
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    return decoded


def decode_frame(source: Path, out_dir: Path) -> Path:
    """Write the stored values as native pixel data, little endian; raises as ``decode_file``."""
    frame = out_dir / FRAME_NAME
    header = MammogramHeader.from_json(
        _run(source.resolve(), out_dir.resolve(), FRAME_NAME)["header"]
    )
    if frame.lstat().st_size not in (pixels := header.rows * header.columns, 2 * pixels):
        raise _failed()
    return frame


def _run(source: Path, out_dir: Path, *wanted: str) -> dict[str, Any]:
    """Have a child decode within its limits and return the object it printed."""
    status, printed = decoders.decode(source, out_dir, *wanted)
    if status < 0:
        raise ScanFileError("decoder_limit", "Decoding was ended by a limit.")
    if status not in (0, REFUSED) or len(printed) > limits.DECODER_REPORT_BYTES:
        raise _failed()
    try:
        report = json.loads(printed)
    except ValueError as error:
        raise _failed() from error
    if not isinstance(report, dict):
        raise _failed()
    if "error" in report:
        raise _refusal(report["error"])
    return report


def _refusal(error: dict[str, Any]) -> ScanFileError:
    try:
        return ScanFileError(error["code"], error["detail"], **error["context"])
    except (KeyError, TypeError):
        return _failed()


def _decoded_file(report: dict[str, Any], paths: list[Path]) -> DecodedFile:
    try:
        header = MammogramHeader.from_json(report["header"])
        return DecodedFile(header, bytes.fromhex(report["pixel_sha256"]).hex(), *paths)
    except (KeyError, TypeError, ValueError) as error:
        raise _failed() from error


def _check_pictures(decoded: DecodedFile) -> None:
    """Check cheaply that the files are there, are files, and hold what was announced."""
    header = decoded.header
    try:
        for path in decoded.pictures.values():
            if not stat.S_ISREG(path.lstat().st_mode):
                raise _failed()
        with decoded.pixels.open("rb") as file:
            start = file.read(26)
        bits = 8 if header.bits_stored <= 8 else 16
        ihdr = struct.pack(">I4sIIBB", 13, b"IHDR", header.columns, header.rows, bits, _PNG_GRAY)
    except (OSError, TypeError, struct.error) as error:
        raise _failed() from error
    if start != PNG_START + ihdr:
        raise _failed()


def _failed() -> ScanFileError:
    return ScanFileError("decoder_failed", "The file could not be decoded.")
