"""Versions of a record as entity tags: who changes one says which version they saw, and who
has read one is not sent it again."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.api.problems import PreconditionFailed, PreconditionRequired

IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    required=True,
    type={"type": "string", "pattern": r'^"[0-9]{1,9}"$'},
    description='The ETag of the version that was read, such as "3".',
)

_TAG = re.compile(r'"([0-9]{1,9})"')


@dataclass(frozen=True)
class Retirement:
    """An address of the API that will go, and when (RFC 9745, RFC 8594)."""

    since: datetime
    until: datetime

    def add_to(self, response: HttpResponse) -> None:
        response["Deprecation"] = f"@{int(self.since.timestamp())}"
        response["Sunset"] = http_date(self.until.timestamp())


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def expected_version(request: Request) -> int:
    """The version in ``If-Match``. A tag that was never given out matches no version."""
    sent = request.headers.get("If-Match", "").strip()
    if sent in {"", "*"}:
        raise PreconditionRequired
    tag = _TAG.fullmatch(sent)
    if tag is None:
        raise PreconditionFailed
    return int(tag[1])


def unless_read_before(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """304 without a body if ``If-None-Match`` names what a GET is about to answer.

    What has no version of its own is tagged weakly, by what it says.
    """
    readable = request.method in {"GET", "HEAD"} and response.status_code == HTTPStatus.OK
    if not readable or not isinstance(response, Response):
        return response
    response.render()
    if "ETag" not in response:
        response["ETag"] = f'W/"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    shown = get_conditional_response(request, etag=response["ETag"], response=response)
    return shown or response
