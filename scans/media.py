"""Pictures for pages: streamed after the caller has checked access, never kept by a cache."""

from io import BytesIO
from pathlib import Path

from django.http import FileResponse

from mammotrack.errors import NotFound, Unavailable
from scans.errors import ScanFileError
from scans.storage import read_verified

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".f32": "application/octet-stream",
}

BLOCK_BYTES = 1024 * 1024
"""What is sent at once: Django's 4 KiB are thousands of writes for a picture of full depth."""


class DamagedPicture(Unavailable):
    """Its bytes are not those that were stored: better no picture than a wrong one."""

    code = "damaged_picture"


def stored_picture(path: Path, *, name: str) -> FileResponse:
    """Answer with a picture of the store, held against its hash, under an opaque name."""
    return picture_response(read_picture(path), name=f"{name}{path.suffix}")


def read_picture(path: Path) -> bytes:
    """The bytes of a picture of the store, held against their hash."""
    try:
        return read_verified(path)
    except FileNotFoundError as error:
        raise NotFound("There is no such picture.") from error
    except ScanFileError as error:
        raise DamagedPicture("The stored picture is damaged and is not shown.") from error


def picture_response(content: bytes, *, name: str) -> FileResponse:
    response = FileResponse(
        BytesIO(content), content_type=CONTENT_TYPES[Path(name).suffix], filename=name
    )
    response.block_size = BLOCK_BYTES
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
