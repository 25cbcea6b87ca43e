"""What a process does that opens one file nobody trusts.

It writes the pictures into a folder and one JSON object on standard output. A refused file ends it
with status 3 and an object ``{"error": {"code", "detail", "context"}}``.
"""

import errno
import json
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from scans import limits
from scans.codestream import JPEG_START, PNG_START
from scans.errors import ScanFileError
from scans.header import FRAME_NAME

if TYPE_CHECKING:
    from scans.picture import Picture

REFUSED = 3
_DICOM_PREFIX = b"DICM"
_DICOM_START_LENGTH = 132  # the preamble and the prefix


def decode(source: Path) -> "Picture":
    """Decode a file by what its content is, whatever its name says.

    Raises
    ------
    ScanFileError
        ``empty_file``, ``file_too_large``, ``unsupported_file_type``, or what the format's
        own reader finds wrong.
    """
    size = source.stat().st_size
    if not size:
        raise ScanFileError("empty_file", "The file is empty.")
    if size > limits.MAX_FILE_BYTES:
        raise ScanFileError(
            "file_too_large", "The file is larger than allowed.", limit=limits.MAX_FILE_BYTES
        )
    with source.open("rb") as file:
        start = file.read(_DICOM_START_LENGTH)
    # Imported here: whoever limits itself first has to do so before they are loaded.
    if start.endswith(_DICOM_PREFIX) and len(start) == _DICOM_START_LENGTH:
        from scans.dicom import read_dicom  # noqa: PLC0415

        return read_dicom(source)
    if start.startswith(PNG_START):
        from scans.raster import read_png_file  # noqa: PLC0415

        return read_png_file(source)
    if start.startswith(JPEG_START):
        from scans.raster import read_jpeg_file  # noqa: PLC0415

        return read_jpeg_file(source)
    raise ScanFileError(
        "unsupported_file_type", "The content of the file is neither DICOM nor PNG nor JPEG."
    )


def decode_into(source: Path, out_dir: Path, wanted: str = "pictures") -> dict[str, object]:
    """Decode, write the pictures, or the stored values alone, and return the report."""
    picture = decode(source)
    if wanted == FRAME_NAME:
        picture.save_frame(out_dir)
    else:
        picture.save(out_dir)
    return {"header": picture.header.as_json(), "pixel_sha256": picture.pixel_sha256()}


def limit_memory_and_files() -> None:
    """Bound what a hostile file can take, for this process and those that it forks.

    Called before anything is imported that reads a picture; hard limits cannot be raised again.
    """
    for kind, value in (
        (resource.RLIMIT_AS, limits.DECODER_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, limits.DECODER_OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def limit_processor_time() -> None:
    """Bound the seconds of this process."""
    resource.setrlimit(resource.RLIMIT_CPU, (limits.DECODER_CPU_S, limits.DECODER_CPU_S))


def main(source: str, out_dir: str, wanted: str = "pictures") -> int:
    """Decode ``source`` into ``out_dir``, print the report, and return the exit status.

    ``frame.raw`` asks for the stored values alone, in place of the pictures.
    """
    try:
        report = decode_into(Path(source), Path(out_dir), wanted)
    except ScanFileError as refusal:
        return _refuse(refusal)
    except MemoryError:
        return _refuse(ScanFileError("decoder_limit", "Decoding needs more memory than allowed."))
    except OSError as failure:
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            return _refuse(ScanFileError("storage_full", "The server has no room left on disk."))
        return _refuse(_unforeseen(failure))
    except Exception as failure:  # the outermost door: a codec may raise anything
        return _refuse(_unforeseen(failure))
    print(json.dumps(report), flush=True)
    return 0


def _unforeseen(failure: Exception) -> ScanFileError:
    """Name the kind only: the text of an exception may quote the patient's data."""
    return ScanFileError(
        "decoder_failed", "The file could not be decoded.", exception=type(failure).__name__
    )


def _refuse(refusal: ScanFileError) -> int:
    error = {"code": refusal.code, "detail": refusal.detail, "context": refusal.context}
    print(json.dumps({"error": error}), flush=True)
    return REFUSED
