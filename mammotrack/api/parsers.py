"""Request bodies: JSON, or a form with a file. Text is UTF-8, whatever the client claims."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import DataAndFiles, JSONParser, MultiPartParser
from rest_framework.utils import json

from mammotrack.api.problems import BodyTooLarge


class JSONBodyParser(JSONParser):
    """JSON of at most ``DATA_UPLOAD_MAX_MEMORY_SIZE``: REST framework reads the body before."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        try:
            return json.loads(stream.read().decode())
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}") from error


class UploadParser(MultiPartParser):
    """A form with one file, refused before it is read when it is too long."""

    max_bytes: int

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> DataAndFiles:
        announced = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if int(announced) > self.max_bytes:  # the server reads no further than what is announced
            raise BodyTooLarge(f"{announced} bytes were sent; at most {self.max_bytes} are read.")
        return super().parse(stream, media_type, {**parser_context, "encoding": "utf-8"})
