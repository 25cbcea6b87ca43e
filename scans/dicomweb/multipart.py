"""``multipart/related`` (RFC 2387) as a stream: no part is ever in memory as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mammotrack.errors import Inconsistent, TooLarge
from scans import limits

_READ_BYTES = 1024 * 1024
_END_OF_HEAD = b"\r\n\r\n"


class MalformedMultipart(Inconsistent):
    code = "malformed_multipart"


@dataclass(frozen=True)
class Part:
    """Its chunks can be read once, before the next part is asked for."""

    headers: dict[str, str]
    chunks: Iterator[bytes]


class PartReader:
    """Splits what ``read(size)`` gives at the boundary.

    Iterating raises ``MalformedMultipart`` for what is no multipart body, and ``TooLarge`` for
    one that is longer, or has more parts, than one request may carry.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        self._buffer = bytearray(b"\r\n")  # the first boundary needs no line before it
        self._received = 0
        self._at_end = False

    def __iter__(self) -> Iterator[Part]:
        self._skip_preamble()
        parts = 0
        while not self._is_last():
            parts += 1
            if parts > limits.MAX_PARTS:
                raise TooLarge(
                    f"A request carries at most {limits.MAX_PARTS} files.", code="too_many_parts"
                )
            headers, chunks = self._head(), self._content()
            yield Part(headers, chunks)
            for _ in chunks:  # what nobody read
                pass

    def _fill(self) -> bool:
        """Take in more of the stream; False at its end."""
        if self._at_end:
            return False
        more = self._read(_READ_BYTES)
        self._at_end = not more
        self._received += len(more)
        if self._received > limits.MAX_REQUEST_BYTES:
            raise TooLarge("The request is larger than allowed.", code="body_too_large")
        self._buffer += more
        return bool(more)

    def _skip_preamble(self) -> None:
        while (found := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > limits.MAX_PART_HEAD_BYTES or not self._fill():
                raise MalformedMultipart("The boundary does not occur in the body.")
        del self._buffer[: found + len(self._delimiter)]

    def _is_last(self) -> bool:
        """Whether the boundary just passed closes the body."""
        self._need(2)
        return self._buffer.startswith(b"--")

    def _head(self) -> dict[str, str]:
        """The lines up to the empty one; the first is the rest of the boundary's own line."""
        while (end := self._buffer.find(_END_OF_HEAD)) < 0:
            if len(self._buffer) > limits.MAX_PART_HEAD_BYTES or not self._fill():
                raise MalformedMultipart("The head of a part does not end.")
        rest, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        if rest.strip(" \t") or end > limits.MAX_PART_HEAD_BYTES:
            raise MalformedMultipart("A boundary does not end its line.")
        del self._buffer[: end + len(_END_OF_HEAD) - 2]  # a part may be empty
        pairs = (line.partition(":") for line in lines)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _content(self) -> Iterator[bytes]:
        """What lies between the head and the next boundary."""
        starts_line = 2  # the line break that ends the head belongs to no content
        while True:
            found = self._buffer.find(self._delimiter)
            if found >= 0:
                if found > starts_line:
                    yield bytes(self._buffer[starts_line:found])
                del self._buffer[: found + len(self._delimiter)]
                return
            safe = len(self._buffer) - len(self._delimiter)
            if safe > starts_line:
                yield bytes(self._buffer[starts_line:safe])
                del self._buffer[:safe]
                starts_line = 0
            if not self._fill():
                raise MalformedMultipart("The body ends inside a part.")

    def _need(self, count: int) -> None:
        while len(self._buffer) < count:
            if not self._fill():
                raise MalformedMultipart("The body ends before its last boundary.")
