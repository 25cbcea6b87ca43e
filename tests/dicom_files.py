"""Builders of small synthetic files: mammograms that are right, and files that are not.

Pictures come from a seed; nothing here was ever a patient's.
"""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import config
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

MAMMOGRAPHY = "1.2.840.10008.5.1.4.1.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SOP_INSTANCE_UID = "2.25.1001"
STUDY_INSTANCE_UID = "2.25.1002"

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


def breast(
    rows: int = 96, columns: int = 80, *, bits: int = 12, seed: int = 7
) -> NDArray[np.unsignedinteger]:
    """Return a bright half disc with texture on black, over the whole range of ``bits``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    inside = np.hypot((y - rows / 2) / (rows / 2), x / (columns * 0.8)) < 1
    picture = inside * (
        0.6 + 0.3 * np.cos(x / 9) * np.sin(y / 7) + 0.02 * rng.random((rows, columns))
    )
    picture *= (2**bits - 1) / picture.max()
    return picture.astype(np.uint8 if bits <= 8 else np.uint16)


def mammogram(
    pixels: NDArray[np.integer] | None = None, *, bits: int = 12, **attributes: object
) -> Dataset:
    """Return a data set for presentation; an attribute given as None is left out."""
    pixels = breast(bits=bits) if pixels is None else pixels
    values = {
        "SOPClassUID": MAMMOGRAPHY,
        "SOPInstanceUID": SOP_INSTANCE_UID,
        "StudyInstanceUID": STUDY_INSTANCE_UID,
        "SeriesInstanceUID": "2.25.1003",
        "Modality": "MG",
        "PresentationIntentType": "FOR PRESENTATION",
        "StudyDate": "20240131",
        "PatientID": "MRN-1",
        "PatientName": "Synthetic^Phantom",
        "PatientBirthDate": "19700203",
        "PatientSex": "F",
        "ImageLaterality": "L",
        "ViewPosition": "CC",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "PixelData": pixels.tobytes(),
    }
    ds = Dataset()
    with config.disable_value_validation():
        for keyword, value in (values | attributes).items():
            if value is not None:
                setattr(ds, keyword, value)
    if "PixelData" in ds:
        ds["PixelData"].VR = "OW"
    return ds


def write_dicom(
    path: Path,
    ds: Dataset,
    *,
    transfer_syntax: str = ExplicitVRLittleEndian,
    preamble: bytes = b"",
    frame: bytes | None = None,
) -> Path:
    """Write a Part 10 file; ``frame`` is one compressed frame to encapsulate."""
    if frame is not None:
        ds.PixelData = encapsulate([frame])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    with config.disable_value_validation():
        ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", MAMMOGRAPHY)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", SOP_INSTANCE_UID)
        ds.file_meta.ImplementationClassUID = "2.25.1"
        whole = FileDataset(None, ds, preamble=preamble.ljust(128, b"\0"), file_meta=ds.file_meta)
        whole.save_as(
            path,
            implicit_vr=transfer_syntax == ImplicitVRLittleEndian,
            little_endian=True,
            enforce_file_format=True,
        )
    return path


def compressed(pixels: NDArray[np.integer], transfer_syntax: str, *, bits: int) -> bytes:
    """Encode one frame as the transfer syntax demands."""
    match transfer_syntax:
        case str(syntax) if syntax == RLELossless:
            return rle(pixels)
        case str(syntax) if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit):
            return imagecodecs.jpeg8_encode(pixels, level=98, bitspersample=bits)
        case str(syntax) if syntax in (JPEGLossless, JPEGLosslessSV1):
            predictor = 1 if syntax == JPEGLosslessSV1 else 6
            return imagecodecs.jpeg8_encode(
                pixels, lossless=True, predictor=predictor, bitspersample=bits
            )
        case str(syntax) if syntax == JPEGLSLossless:
            return imagecodecs.jpegls_encode(pixels)
        case str(syntax) if syntax == JPEG2000Lossless:
            return imagecodecs.jpeg2k_encode(
                pixels, codecformat="J2K", level=0, reversible=True, bitspersample=bits
            )
        case str(syntax) if syntax == JPEG2000:
            return imagecodecs.jpeg2k_encode(
                pixels, codecformat="J2K", level=60, reversible=False, bitspersample=bits
            )
    raise ValueError(transfer_syntax)


def rle(pixels: NDArray[np.integer]) -> bytes:
    """Encode as DICOM RLE: a PackBits segment for each byte, the most significant first."""
    planes = pixels.astype(pixels.dtype.newbyteorder(">")).view(np.uint8)
    width = pixels.dtype.itemsize
    segments = []
    for byte in range(width):
        plane = planes[:, byte::width]
        packed = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane)
        segments.append(packed + b"\0" * (len(packed) % 2))
    return rle_frame(segments)


def rle_frame(segments: list[bytes]) -> bytes:
    offsets, position = [], 64
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    header = [len(segments), *offsets, *[0] * (15 - len(offsets))]
    return struct.pack("<16I", *header) + b"".join(segments)


def part_10(data_set: bytes, *, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Put file meta information in front of raw bytes of a data set."""
    meta = element(0x00020002, "UI", _uid(MAMMOGRAPHY))
    meta += element(0x00020003, "UI", _uid(SOP_INSTANCE_UID))
    meta += element(0x00020010, "UI", _uid(transfer_syntax))
    length = element(0x00020000, "UL", struct.pack("<I", len(meta)))
    return b"\0" * 128 + b"DICM" + length + meta + data_set


def element(tag: int, vr: str, value: bytes = b"", *, length: int | None = None) -> bytes:
    """Write one element in explicit VR little endian, its length true unless given."""
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("OB", "OW", "SQ", "UN", "UT", "UC"):
        return head + struct.pack("<HI", 0, length) + value
    return head + struct.pack("<H", length) + value


def nested_sequences(depth: int) -> bytes:
    """Write sequences of undefined length, one in the item of the other."""
    opened = element(0x00082112, "SQ", length=0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closed = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return opened * depth + closed * depth


def png(pixels: NDArray[np.integer], **options: object) -> bytes:
    return _encoded(Image.fromarray(pixels), "PNG", **options)


def jpeg(pixels: NDArray[np.integer], **options: object) -> bytes:
    return _encoded(Image.fromarray(pixels), "JPEG", quality=95, **options)


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload)
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)


def black_png(rows: int, columns: int) -> bytes:
    """Write a whole PNG of zeros, row by row, so that the builder stays small."""
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(bytes(columns + 1)) for _ in range(rows)) + packer.flush()
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def _encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, file_format, **options)
    return written.getvalue()


def _uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)
