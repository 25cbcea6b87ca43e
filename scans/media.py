"""Pictures for pages: streamed after the caller has checked access, never kept by a cache."""

from pathlib import Path

from django.http import FileResponse

from mammotrack.errors import NotFound

CONTENT_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}


def picture_response(path: Path, *, name: str) -> FileResponse:
    """Answer with the picture under an opaque name."""
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise NotFound("There is no such picture.") from error
    response = FileResponse(
        file, content_type=CONTENT_TYPES[path.suffix], filename=f"{name}{path.suffix}"
    )
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
