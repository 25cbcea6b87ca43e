"""The application as a server to any client built on ``requests``, without a socket."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from mammotrack.accounts.models import User
from tests.factories.accounts import make_token

HOST = "http://testserver"


def session_of(user: User) -> requests.Session:
    """A session that signs in with a token of this user's."""
    session = requests.Session()
    session.mount(HOST, _InProcess())
    session.headers["Authorization"] = f"Bearer {make_token(user)[1]}"
    return session


class _Chunked(io.RawIOBase):
    """A body of unknown length, as a server hands it over when it came in chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._left) < size and (more := next(self._chunks, b"")):
            self._left += more
        piece, self._left = self._left[:size], self._left[size:]
        return piece


class _InProcess(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        address = urlsplit(str(request.url))
        body = request.body
        in_chunks = body is not None and not isinstance(body, bytes | str)
        content = b"" if body is None or in_chunks else body
        content = content.encode() if isinstance(content, str) else content
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote(address.path),
            "QUERY_STRING": address.query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": _Chunked(iter(body)) if in_chunks else io.BytesIO(content),
            "wsgi.input_terminated": True,
            "wsgi.errors": io.StringIO(),
        }
        for name, value in request.headers.items():
            text = value.decode() if isinstance(value, bytes) else value
            key = name.upper().replace("-", "_")
            prefix = "" if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_"
            environ[f"{prefix}{key}"] = text
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started.update(status=int(status.split(maxsplit=1)[0]), headers=headers)

        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        try:
            answer = get_wsgi_application()(environ, start_response)
            received = b"".join(answer)
            answer.close()
        finally:
            for signal in (request_started, request_finished):
                signal.connect(close_old_connections)
        response = HTTPResponse(
            body=io.BytesIO(received),
            headers=started["headers"],
            status=started["status"],
            preload_content=False,
        )
        return self.build_response(request, response)
