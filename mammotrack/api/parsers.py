"""Request bodies: JSON, or a form with a file. Text is UTF-8, whatever the client claims."""

import math
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import DataAndFiles, JSONParser, MultiPartParser
from rest_framework.utils import json

from mammotrack.api.problems import BodyTooLarge

MOST_KEYS = 1000  # of one object; each that is unknown would be named in the answer


class JSONBodyParser(JSONParser):
    """JSON of at most ``DATA_UPLOAD_MAX_MEMORY_SIZE``: REST framework reads the body before."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        try:
            return json.loads(
                stream.read().decode(), object_pairs_hook=_without_repetition, parse_float=_finite
            )
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that stands twice, two readers see two values (RFC 8259, 4)."""
    if len(pairs) > MOST_KEYS:
        raise ValueError(f"an object has more than {MOST_KEYS} keys")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


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
