"""Versions of a record as entity tags: who changes one says which version they saw."""

import re

from rest_framework.request import Request

from mammotrack.api.problems import PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'"([0-9]{1,9})"')


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
