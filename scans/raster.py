"""Read a mammogram that comes as PNG or JPEG, without any DICOM header.

The bytes are checked and then drawn anew, so nothing that rides along in the file (text,
profiles, an archive after the end) reaches the pictures made from it.
"""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from scans import limits
from scans.codestream import read_jpeg, read_png
from scans.errors import ScanFileError
from scans.header import FileFormat, MammogramHeader
from scans.picture import Picture, Pixels, look_up

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = 1
_BIT_DEPTHS_IN_16 = (10, 12, 14, 16)

# What Pillow raises on bytes it cannot read.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


def read_png_file(path: Path) -> Picture:
    """Check and decode one PNG file: 8 or 16-bit gray, or colour that is turned to gray."""
    data = path.read_bytes()
    flags = [] if read_png(data).end == len(data) else ["trailing_bytes"]
    picture = _open(path, "PNG", flags)
    if picture.mode != "I;16":
        return _as_8_bit("PNG", picture, flags)
    stored = np.asarray(picture)
    bits = _true_depth(stored)
    if bits < 16:
        flags.append("inferred_depth")
    full_scale = np.rint(np.arange(2**bits) * (65535 / (2**bits - 1))).astype(np.uint16)
    return Picture(_header("PNG", stored, bits, flags), stored, look_up(full_scale, stored))


def read_jpeg_file(path: Path) -> Picture:
    """Check and decode one 8-bit JPEG file."""
    data = path.read_bytes()
    codestream = read_jpeg(data)
    if codestream.bits != 8 or codestream.components not in (1, 3):
        raise ScanFileError(
            "unsupported_pixel_format", "The JPEG is not an 8-bit gray or colour picture."
        )
    limits.check_size(rows=codestream.rows, columns=codestream.columns)
    flags = ["lossy_compression"]
    if codestream.end != len(data):
        flags.append("trailing_bytes")
    return _as_8_bit("JPEG", _open(path, "JPEG", flags), flags)


def _open(path: Path, file_format: FileFormat, flags: list[str]) -> Image.Image:
    """Decode with one codec only, and turn the picture the way every viewer shows it."""
    Image.MAX_IMAGE_PIXELS = limits.MAX_PIXELS
    try:
        with Image.open(path, formats=(file_format,)) as picture:
            picture.load()
            frames = getattr(picture, "n_frames", 1)
            if picture.getexif().get(_EXIF_ORIENTATION, _UPRIGHT) != _UPRIGHT:
                flags.append("exif_orientation")
            upright = ImageOps.exif_transpose(picture)
    except _PILLOW_ERRORS as error:
        raise ScanFileError("corrupt_pixel_data", "The picture cannot be decoded.") from error
    if frames > 1:
        raise ScanFileError("multiframe_unsupported", "The file holds several pictures.")
    if upright.has_transparency_data and not _is_opaque(upright):
        raise ScanFileError("unsupported_pixel_format", "The picture is partly transparent.")
    return upright


def _is_opaque(picture: Image.Image) -> bool:
    return bool((np.asarray(picture.convert("RGBA"))[..., 3] == 255).all())


def _as_8_bit(file_format: FileFormat, picture: Image.Image, flags: list[str]) -> Picture:
    if picture.mode not in ("1", "L"):
        channels = np.asarray(picture.convert("RGB"))
        if (channels != channels[..., :1]).any():
            flags.append("colour")
    stored = np.asarray(picture.convert("L"))
    return Picture(_header(file_format, stored, 8, flags), stored, stored)


def _true_depth(stored: Pixels) -> int:
    """Return the smallest depth of a detector that holds the picture.

    PNG has no word for Bits Stored, and 12-bit values read as 16-bit ones are nearly black.
    """
    highest = int(stored.max())
    return next(bits for bits in _BIT_DEPTHS_IN_16 if highest < 2**bits)


def _header(
    file_format: FileFormat, stored: Pixels, bits_stored: int, flags: list[str]
) -> MammogramHeader:
    rows, columns = stored.shape
    return MammogramHeader(
        file_format=file_format,
        rows=rows,
        columns=columns,
        bits_stored=bits_stored,
        flags=tuple(flags),
    )
