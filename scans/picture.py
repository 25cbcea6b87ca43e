"""A decoded picture: the stored values, what a person shall see, and the files made from it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from imagecodecs import PNG, png_encode  # noqa: TID253 -- only decoders load this module
from numpy.typing import NDArray
from PIL import Image

from scans import limits
from scans.header import DISPLAY_NAME, FRAME_NAME, PIXELS_NAME, THUMBNAIL_NAME, MammogramHeader

Image.preinit()  # else each decoder loads the JPEG writer for itself

Pixels = NDArray[np.unsignedinteger[Any]]

_ROWS_AT_ONCE = 256
_JPEG_QUALITY = 90
_REDUCING_GAP = 1.0  # whole blocks are averaged first: a third of the time, half a gray level off


@dataclass(frozen=True)
class Picture:
    """One gray picture, (rows, columns).

    ``stored`` holds the bit patterns of the file (signed values in two's complement of
    ``bits_stored``), ``presentation`` the values to look at: bright tissue, the full range of
    its type, uint8 up to 8 bits stored and uint16 above.
    """

    header: MammogramHeader
    stored: Pixels
    presentation: Pixels

    def pixel_sha256(self) -> str:
        """Hash rows, columns, bits and the stored values.

        The values before any window, so a file sent again with another window, another
        compression without loss or another name is recognised as the same picture. The hashed
        bytes are the text ``rows columns bits_stored\\n`` and each value as 16-bit little endian.
        """
        rows, columns = self.stored.shape
        digest = hashlib.sha256(f"{rows} {columns} {self.header.bits_stored}\n".encode())
        for band in _bands(rows):
            digest.update(np.ascontiguousarray(self.stored[band], "<u2").data)
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write the lossless pixels and the two pictures that pages show."""
        (folder / PIXELS_NAME).write_bytes(_lossless_png(self.presentation))
        gray = Image.fromarray(_to_8_bit(self.presentation))
        display = _scaled_to(gray, height=limits.DISPLAY_HEIGHT_PX)
        display.save(folder / DISPLAY_NAME, "JPEG", quality=_JPEG_QUALITY)
        thumbnail = _scaled_to(display, height=limits.THUMBNAIL_HEIGHT_PX)
        thumbnail.save(folder / THUMBNAIL_NAME, "JPEG", quality=_JPEG_QUALITY)

    def save_frame(self, folder: Path) -> None:
        """Write the stored values as native pixel data, little endian."""
        kind = "<u2" if self.stored.dtype.itemsize == 2 else "u1"
        (folder / FRAME_NAME).write_bytes(self.stored.astype(kind, copy=False).tobytes())


def look_up(table: Pixels, stored: Pixels) -> Pixels:
    """Return ``table[stored]``, a few rows at a time: numpy widens each index to 8 bytes."""
    found = np.empty(stored.shape, table.dtype)
    for band in _bands(len(stored)):
        found[band] = table[stored[band]]
    return found


def _bands(count: int) -> Iterator[slice]:
    """Split a picture's rows, so that a copy of them in a wider type stays small."""
    for start in range(0, count, _ROWS_AT_ONCE):
        yield slice(start, start + _ROWS_AT_ONCE)


def _lossless_png(pixels: Pixels) -> bytes | bytearray:
    """Encode as horizontal differences in run lengths.

    Measured on a film of 12.7 Mpx: a quarter of the time of Pillow's fastest level, at its size.
    """
    return png_encode(
        np.ascontiguousarray(pixels),
        level=PNG.COMPRESSION.SPEED,
        strategy=PNG.STRATEGY.RLE,
        filter=PNG.FILTER.SUB,
    )


def _to_8_bit(pixels: Pixels) -> Pixels:
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def _scaled_to(picture: Image.Image, *, height: int) -> Image.Image:
    """Shrink to the height, never enlarge."""
    if picture.height <= height:
        return picture
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
