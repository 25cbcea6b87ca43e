"""A report on its way out: a PDF that no cache keeps, under a name that tells nothing."""

from io import BytesIO

from django.http import FileResponse


def pdf_response(content: bytes, *, name: str) -> FileResponse:
    response = FileResponse(BytesIO(content), content_type="application/pdf", filename=name)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
