"""Read size and depth from a compressed picture's own header, before any codec sees it.

JPEG and JPEG-LS: ITU-T T.81 annex B, T.87 annex C. JPEG 2000: ITU-T T.800 annex A. PNG: W3C
recommendation, third edition, section 5.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scans import limits
from scans.errors import ScanFileError

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_END = b"\xff\xd9"
_JPEG_2000_START = b"\xff\x4f\xff\x51"

# Start-of-frame markers: every coding process of T.81, and SOF55 of JPEG-LS.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_MARKERS_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA

_PNG_HEADER_LENGTH = 13
_PNG_GRAY = 0


@dataclass(frozen=True)
class Codestream:
    """What a compressed picture announces. ``end`` is the offset after its last byte."""

    rows: int
    columns: int
    bits: int
    components: int
    process: int | None = None  # the start-of-frame marker of a JPEG
    signed: bool = False
    end: int | None = None


def read_jpeg(data: bytes) -> Codestream:
    """Read the frame header of a JPEG or JPEG-LS picture up to its first scan."""
    if not data.startswith(JPEG_START):
        raise ScanFileError("corrupt_pixel_data", "The picture does not start as a JPEG.")
    frame: Codestream | None = None
    for marker, position, length in _segments(data):
        if marker in _FRAME_MARKERS:
            if frame is not None:
                raise ScanFileError("malformed_file", "The JPEG has more than one frame header.")
            frame = _frame_header(marker, data[position : position + length])
        elif marker == _START_OF_SCAN:
            if frame is None:
                break
            end = data.find(_JPEG_END, position + length)
            if end < 0:
                raise ScanFileError("truncated_file", "The JPEG ends before its end marker.")
            return replace(frame, end=end + len(_JPEG_END))
    raise ScanFileError("malformed_file", "The JPEG holds no picture.")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, offset of the payload, its length) of each segment."""
    position = 2
    while True:
        while data[position : position + 2] == b"\xff\xff":  # fill bytes
            position += 1
        if position + 2 > len(data):
            raise ScanFileError("truncated_file", "The JPEG ends within its header.")
        if data[position] != 0xFF:
            raise ScanFileError("malformed_file", "A JPEG marker was expected and is not there.")
        marker = data[position + 1]
        position += 2
        if marker == _END_OF_IMAGE:
            return
        if marker in _MARKERS_WITHOUT_LENGTH:
            continue
        if position + 2 > len(data):
            raise ScanFileError("truncated_file", "The JPEG ends within its header.")
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2:
            raise ScanFileError("malformed_file", "A JPEG segment has an impossible length.")
        if position + length > len(data):
            raise ScanFileError("truncated_file", "The JPEG ends within its header.")
        yield marker, position + 2, length - 2
        position += length


def _frame_header(marker: int, payload: bytes) -> Codestream:
    if len(payload) < 6:
        raise ScanFileError("malformed_file", "The JPEG frame header is too short.")
    bits, rows, columns, components = struct.unpack_from(">BHHB", payload)
    return Codestream(rows, columns, bits, components, process=marker)


def read_jpeg_2000(data: bytes) -> Codestream:
    """Read the SIZ segment of a raw JPEG 2000 codestream; JP2 boxes are not allowed in DICOM."""
    if not data.startswith(_JPEG_2000_START):
        raise ScanFileError(
            "corrupt_pixel_data", "The picture does not start as a JPEG 2000 codestream."
        )
    if len(data) < 45:
        raise ScanFileError("truncated_file", "The JPEG 2000 codestream ends within its header.")
    columns, rows, left, top, tile_columns, tile_rows = struct.unpack_from(">6I", data, 8)
    (components,) = struct.unpack_from(">H", data, 40)
    depth = data[42]
    if left or top or (data[43], data[44]) != (1, 1):
        raise ScanFileError("pixel_data_mismatch", "The codestream is offset or subsampled.")
    if not tile_columns or not tile_rows:
        raise ScanFileError("malformed_file", "The JPEG 2000 tiles have no size.")
    if -(-columns // tile_columns) * -(-rows // tile_rows) > limits.MAX_CODESTREAM_TILES:
        raise ScanFileError(
            "too_many_elements",
            "The JPEG 2000 picture is cut into too many tiles.",
            limit=limits.MAX_CODESTREAM_TILES,
        )
    return Codestream(rows, columns, (depth & 0x7F) + 1, components, signed=bool(depth & 0x80))


def read_png(data: bytes) -> Codestream:
    """Walk the chunks of a PNG up to its end; refuse an animation and a size beyond the limits."""
    position = len(PNG_START)
    header: Codestream | None = None
    has_pixels = False
    for _ in range(limits.MAX_ELEMENTS):
        if position + 12 > len(data):
            raise ScanFileError("truncated_file", "The PNG ends before its last chunk.")
        length, kind = struct.unpack_from(">I4s", data, position)
        payload_at, position = position + 8, position + 12 + length
        if position > len(data):
            raise ScanFileError("truncated_file", "The PNG ends within a chunk.")
        if (header is None) != (kind == b"IHDR"):
            raise ScanFileError("malformed_file", "The PNG does not start with its one header.")
        if header is None:
            header = _png_header(data[payload_at : payload_at + length])
        elif kind == b"acTL":
            raise ScanFileError("multiframe_unsupported", "The PNG is an animation.")
        elif kind == b"IDAT":
            has_pixels = True
        elif kind == b"IEND":
            if not has_pixels:
                raise ScanFileError("no_pixel_data", "The file holds no picture.")
            return replace(header, end=position)
    raise ScanFileError(
        "too_many_elements", "The PNG holds too many chunks.", limit=limits.MAX_ELEMENTS
    )


def _png_header(payload: bytes) -> Codestream:
    if len(payload) != _PNG_HEADER_LENGTH:
        raise ScanFileError("malformed_file", "The PNG header has the wrong length.")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", payload)
    limits.check_size(rows=rows, columns=columns)
    if bits == 16 and colour != _PNG_GRAY:
        raise ScanFileError("unsupported_pixel_format", "Colour has to have 8 bits a channel.")
    return Codestream(rows, columns, bits, components=1 if colour == _PNG_GRAY else 3)
