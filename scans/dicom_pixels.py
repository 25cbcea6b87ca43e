"""From the pixel data of a DICOM data set to stored values, and from those to presentation.

Sources: native and encapsulated pixel data, PS3.5 sections 8.1, 8.2 and annexes A.4 and G;
Modality LUT, VOI LUT and windows, PS3.3 sections C.11.1 and C.11.2; padding, C.7.5.1.1.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from imagecodecs import (  # noqa: TID253 -- only decoders load this module
    dicomrle_decode,
    jpeg2k_decode,
    jpeg8_decode,
    jpegls_decode,
    jpegsof3_decode,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from scans.codestream import Codestream, read_jpeg, read_jpeg_2000
from scans.dicom_values import invalid_value, read_items, read_numbers, read_term, read_value
from scans.errors import ScanFileError
from scans.picture import Pixels, look_up

_NATIVE = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"})
_RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True)
class _Codec:
    """How one transfer syntax is decoded, and the frame header its codestream has to show."""

    read_codestream: Callable[[bytes], Codestream]
    decode: Callable[[bytes], NDArray[np.generic]]
    process: int | None = None


def _decode_lossless_jpeg(frame: bytes) -> NDArray[np.generic]:
    """Decode with two independent decoders, which have to agree.

    Both fill a damaged scan without a word, each with other values: that is how it is seen.
    """
    pixels: NDArray[np.generic] = jpegsof3_decode(frame)
    if not np.array_equal(pixels, jpeg8_decode(frame)):
        raise ValueError("The lossless JPEG stream is damaged.")
    return pixels


_CODECS = {
    "1.2.840.10008.1.2.4.50": _Codec(read_jpeg, jpeg8_decode, process=0xC0),
    "1.2.840.10008.1.2.4.51": _Codec(read_jpeg, jpeg8_decode, process=0xC1),
    "1.2.840.10008.1.2.4.57": _Codec(read_jpeg, _decode_lossless_jpeg, process=0xC3),
    "1.2.840.10008.1.2.4.70": _Codec(read_jpeg, _decode_lossless_jpeg, process=0xC3),
    "1.2.840.10008.1.2.4.80": _Codec(read_jpeg, jpegls_decode, process=0xF7),
    "1.2.840.10008.1.2.4.90": _Codec(read_jpeg_2000, jpeg2k_decode),
    "1.2.840.10008.1.2.4.91": _Codec(read_jpeg_2000, jpeg2k_decode),
}


def stored_values(ds: Dataset, transfer_syntax: str) -> Pixels:
    """Decode the one frame of a data set whose header has passed the gate.

    Returns
    -------
    (rows, cols) uint8 or uint16 ndarray
        The bit patterns of Bits Stored; signed values in two's complement.

    Raises
    ------
    ScanFileError
        ``pixel_data_mismatch``, ``corrupt_pixel_data``, ``truncated_file``, ``malformed_file``.
    """
    if transfer_syntax in _NATIVE:
        pixels = _from_native(ds)
    elif transfer_syntax == _RLE:
        pixels = _from_rle(ds)
    else:
        pixels = _from_codestream(ds, _CODECS[transfer_syntax])
    if ds.PixelRepresentation:  # the sign may be extended over the bits above those stored
        return pixels & pixels.dtype.type(2**ds.BitsStored - 1)
    if pixels.max() >= 2**ds.BitsStored:
        raise _mismatch(ds)
    return pixels


def _sample_type(ds: Dataset) -> np.dtype[np.unsignedinteger[Any]]:
    return np.dtype("<u1" if ds.BitsAllocated == 8 else "<u2")


def _from_native(ds: Dataset) -> Pixels:
    wanted = ds.Rows * ds.Columns * _sample_type(ds).itemsize
    if len(ds.PixelData) not in (wanted, wanted + wanted % 2):
        raise _mismatch(ds)
    return _as_picture(ds, ds.PixelData[:wanted])


def _from_rle(ds: Dataset) -> Pixels:
    frame = _frame(ds)
    if int.from_bytes(frame[:4], "little") != _sample_type(ds).itemsize:
        raise _mismatch(ds)
    try:
        values = dicomrle_decode(frame, _sample_type(ds))
    except (RuntimeError, ValueError) as error:
        raise _corrupt() from error
    if len(values) != ds.Rows * ds.Columns * _sample_type(ds).itemsize:
        raise _mismatch(ds)
    return _as_picture(ds, values)


def _as_picture(ds: Dataset, values: bytes | bytearray) -> Pixels:
    return np.frombuffer(values, _sample_type(ds)).reshape(ds.Rows, ds.Columns)


def _from_codestream(ds: Dataset, codec: _Codec) -> Pixels:
    frame = _frame(ds)
    codestream = codec.read_codestream(frame)
    announced = (codestream.rows, codestream.columns, codestream.components, codestream.process)
    if announced != (ds.Rows, ds.Columns, 1, codec.process) or not _depth_fits(ds, codestream):
        raise _mismatch(ds)
    try:
        pixels = codec.decode(frame)
    except (RuntimeError, ValueError) as error:
        raise _corrupt() from error
    sample_bytes = 1 if codestream.bits <= 8 else 2
    if pixels.shape != (ds.Rows, ds.Columns) or pixels.dtype.itemsize != sample_bytes:
        raise _mismatch(ds)
    return pixels.view(np.uint8 if sample_bytes == 1 else np.uint16)


def _depth_fits(ds: Dataset, codestream: Codestream) -> bool:
    """Compare depths; scanners do write 12-bit pictures as lossless streams of 16 bits.

    Such a stream is let through where it is unsigned and its values prove to fit Bits Stored.
    """
    if ds.PixelRepresentation:
        return bool(codestream.bits == ds.BitsStored)
    fits = ds.BitsStored <= codestream.bits <= ds.BitsAllocated
    return bool(fits) and not codestream.signed


def _frame(ds: Dataset) -> bytes:
    try:
        return get_frame(ds.PixelData, 0, number_of_frames=1)
    except (ValueError, LookupError, EOFError) as error:
        raise ScanFileError(
            "malformed_file", "The compressed pixel data is not laid out as DICOM demands."
        ) from error


def presentation_values(ds: Dataset, stored: Pixels) -> Pixels:
    """Map stored values to what a person shall see: bright tissue, full range of the type.

    Returns
    -------
    (rows, cols) uint8 ndarray up to 8 bits stored, uint16 above
        ``rint(max * (y - y_min) / (y_max - y_min))`` with max 255 or 65535, where y is the
        value after Modality LUT and VOI LUT or window, and y_min and y_max the ends of the
        range those can put out. Never scaled by what the picture happens to hold: two
        exposures of one breast keep their relation.
    """
    return look_up(presentation_table(ds), stored)


def presentation_table(ds: Dataset) -> Pixels:
    """Return the presentation value of each of the 2**BitsStored stored bit patterns."""
    bits = ds.BitsStored
    stored = np.arange(2**bits)
    if ds.PixelRepresentation:
        stored[2 ** (bits - 1) :] -= 2**bits
    values, low, high = _modality_values(ds, stored)
    values, low, high = _values_of_interest(ds, values, low, high)
    if not high > low or not np.isfinite(values).all():
        raise _invalid_window()
    shown = np.clip((values - low) / (high - low), 0, 1)
    if read_term(ds, "PhotometricInterpretation") == "MONOCHROME1":
        shown = 1 - shown
    shown[_is_padding(ds, stored)] = 0
    sample_type: type[np.unsignedinteger[Any]] = np.uint8 if bits <= 8 else np.uint16
    table: Pixels = np.rint(shown * np.iinfo(sample_type).max).astype(sample_type)
    return table


_Range = tuple[NDArray[np.floating[Any]], float, float]


def _modality_values(ds: Dataset, stored: NDArray[np.int64]) -> _Range:
    if luts := read_items(ds, "ModalityLUTSequence"):
        return _looked_up(luts[0], stored.astype(np.float64))
    slopes, intercepts = read_numbers(ds, "RescaleSlope"), read_numbers(ds, "RescaleIntercept")
    slope = slopes[0] if slopes else 1.0
    intercept = intercepts[0] if intercepts else 0.0
    values = stored * slope + intercept
    return values, float(values.min()), float(values.max())


def _values_of_interest(
    ds: Dataset, values: NDArray[np.floating[Any]], low: float, high: float
) -> _Range:
    """Apply the first VOI LUT, else the first window; the full range where neither is given."""
    if luts := read_items(ds, "VOILUTSequence"):
        return _looked_up(luts[0], values)
    centers, widths = read_numbers(ds, "WindowCenter"), read_numbers(ds, "WindowWidth")
    if not centers or not widths:
        return values, low, high
    center, width = centers[0], widths[0]
    match read_term(ds, "VOILUTFunction") or "LINEAR":
        case "LINEAR" if width > 1:
            part = (values - (center - 0.5)) / (width - 1) + 0.5
        case "LINEAR" if width == 1:
            part = (values > center - 0.5).astype(np.float64)
        case "LINEAR_EXACT" if width > 0:
            part = (values - center) / width + 0.5
        case "SIGMOID" if width > 0:
            exponent = np.clip(-4 * (values - center) / width, -500, 500)
            part = 1 / (1 + np.exp(exponent))
        case _:
            raise _invalid_window()
    return part, 0.0, 1.0


def _looked_up(lut: Dataset, values: NDArray[np.floating[Any]]) -> _Range:
    descriptor, data = read_value(lut, "LUTDescriptor"), read_value(lut, "LUTData")
    try:
        length, first, bits = (int(number) for number in descriptor)
    except (TypeError, ValueError) as error:
        raise _invalid_window() from error
    length = length or 2**16
    if isinstance(data, bytes):
        entries = np.frombuffer(data, "u1" if bits == 8 and len(data) < 2 * length else "<u2")
    elif isinstance(data, int):
        entries = np.array([data])
    else:
        entries = np.array(data or [])
    if not 8 <= bits <= 16 or len(entries) < length or entries.dtype.kind not in "iu":
        raise _invalid_window()
    position = np.clip(np.rint(values) - first, 0, length - 1).astype(np.intp)
    return entries[position].astype(np.float64), 0.0, float(2**bits - 1)


def _is_padding(ds: Dataset, stored: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the stored values that stand for no picture; they are shown black."""
    value = read_value(ds, "PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, bool)
    limit = read_value(ds, "PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    if not isinstance(value, int) or not isinstance(limit, int):
        raise invalid_value("PixelPaddingValue")
    return (stored >= min(value, limit)) & (stored <= max(value, limit))


def _mismatch(ds: Dataset) -> ScanFileError:
    return ScanFileError(
        "pixel_data_mismatch",
        "The pixel data contradicts the size or depth in the header.",
        rows=ds.Rows,
        columns=ds.Columns,
        bits_stored=ds.BitsStored,
    )


def _corrupt() -> ScanFileError:
    return ScanFileError("corrupt_pixel_data", "The compressed pixel data cannot be decoded.")


def _invalid_window() -> ScanFileError:
    return ScanFileError(
        "invalid_window", "The rescale, window or lookup table of the file cannot be applied."
    )
