"""One ``Idempotency-Key``, one effect (draft-ietf-httpapi-idempotency-key-header).

The first request with a key claims it by inserting a row under an id made of caller and key;
the others meet the unique id. Only what was done is remembered: after an error the key is free.
"""

import hashlib
import hmac
import json
import logging
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, IntegrityError
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.models import ApiToken, User
from mammotrack.api.models import RememberedRequest
from mammotrack.audit import trace
from mammotrack.errors import NotFound, Rejected
from mammotrack.models import now

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotent-Replayed": "true"}
KEPT = timedelta(hours=24)
LEASE = timedelta(minutes=2)  # longer than the server lets any request take
REMEMBERED_HEADERS = ("Location", "ETag")

_KEY = re.compile(r'"?([\x21\x23-\x7e]{8,255})"?')

log = logging.getLogger(__name__)


class IdempotencyKeyRequired(APIException):
    """A retry of this could do it twice."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "idempotency_key_required"
    default_detail = "Send an Idempotency-Key: a new one for each thing that is to be done."


class InvalidIdempotencyKey(APIException):
    status_code = HTTPStatus.BAD_REQUEST
    default_code = "invalid_idempotency_key"
    default_detail = "An Idempotency-Key has 8 to 255 printable characters without a space."


class IdempotencyKeyReused(Rejected):
    """It was sent with another request before."""

    code = "idempotency_key_reused"


class RequestInFlight(APIException):
    """The same request is being answered at this moment."""

    status_code = HTTPStatus.CONFLICT
    default_code = "request_in_flight"
    default_detail = "The same request is being answered. Ask again in a moment."
    wait = 1  # seconds, as REST framework tells in Retry-After


def once(
    act: Callable[..., Response], request: Request, *, required: bool, **kwargs: Any
) -> HttpResponse:
    """Act, unless this key did it before: then answer what was answered then."""
    key = _key_of(request)
    if key is None:
        if required:
            raise IdempotencyKeyRequired
        return act(request, **kwargs)
    place, fingerprint = _place(request, key), _fingerprint(request, key)
    claim = RememberedRequest.objects.filter(pk=place)
    if not _claimed(place, fingerprint):
        user = cast(User, request.user)
        return _replayed(claim.first(), fingerprint=fingerprint, key=key, user=user)
    try:
        response = act(request, **kwargs)
    except BaseException:
        claim.delete()
        raise
    try:
        claim.update(status=response.status_code, sealed=_seal(response, key), touched=_touched())
    except DatabaseError:  # what was asked for is done; only a replay will have to do it again
        log.exception("an answer could not be remembered")
    return response


def forget() -> int:
    """Remove what is too old to be asked for again; returns how many."""
    removed, _ = RememberedRequest.objects.filter(created_at__lt=now() - KEPT).delete()
    return removed


def _key_of(request: Request) -> str | None:
    sent = request.headers.get(HEADER)
    if sent is None:
        return None
    form = _KEY.fullmatch(sent.strip())
    if form is None:
        raise InvalidIdempotencyKey
    return form[1]


def _place(request: Request, key: str) -> UUID:
    """One for each caller and key: a program's keys are its own, even of the same user."""
    token = request.auth
    caller = token.pk if isinstance(token, ApiToken) else request.user.pk
    return UUID(bytes=hashlib.sha256(f"{caller} {key}".encode()).digest()[:16])


def _fingerprint(request: Request, key: str) -> str:
    """The same for the same thing asked for, however its form or file was framed.

    Keyed, as a body may hold a password that a plain hash would let be guessed.
    """
    digest = hmac.new(_secret(key), request.get_full_path().encode(), hashlib.sha256)
    for part in _parts(request.data):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _parts(data: Any) -> Iterator[bytes]:
    if not isinstance(data, QueryDict):
        yield json.dumps(data, sort_keys=True).encode()
        return
    for name, values in sorted(data.lists()):
        for value in values:
            yield name.encode()
            if isinstance(value, UploadedFile):
                yield b"".join(_digests(value))
            else:
                yield str(value).encode()


def _digests(file: UploadedFile) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    yield digest.digest()


def _claimed(place: UUID, fingerprint: str) -> bool:
    """Whether the key is ours now: unused, forgotten, or left behind by a process that died."""
    try:
        RememberedRequest(pk=place, fingerprint=fingerprint).save(force_insert=True)
    except IntegrityError:
        moment = now()
        abandoned = Q(status=None, created_at__lt=moment - LEASE)
        taken = RememberedRequest.objects.filter(
            Q(created_at__lt=moment - KEPT) | abandoned, pk=place
        ).update(created_at=moment, fingerprint=fingerprint, status=None, sealed="", touched=[])
        return taken == 1
    return True


def _replayed(
    remembered: RememberedRequest | None, *, fingerprint: str, key: str, user: User
) -> HttpResponse:
    if remembered and remembered.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was sent with another request before.")
    if remembered is None or remembered.status is None:
        raise RequestInFlight
    _touch_again(remembered, user)
    answer = json.loads(_cipher(key).decrypt(remembered.sealed))
    return HttpResponse(
        answer["body"],
        status=remembered.status,
        headers=answer["headers"] | REPLAYED,
        content_type="application/json",
    )


def _seal(response: Response, key: str) -> str:
    headers = {n: response.headers[n] for n in REMEMBERED_HEADERS if n in response.headers}
    body = JSONRenderer().render(response.data).decode()
    return _cipher(key).encrypt(json.dumps({"headers": headers, "body": body}).encode()).decode()


def _cipher(key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(_secret(key)))


def _secret(key: str) -> bytes:
    """Of this server and this key: neither the database nor the key alone opens anything."""
    return hashlib.sha256(f"remembered\0{settings.SECRET_KEY}\0{key}".encode()).digest()


def _touched() -> list[list[str]]:
    traced = trace.current()
    if traced is None:
        return []
    return [[str(c), str(p)] for c, patients in traced.touched.items() for p in patients if c]


def _touch_again(remembered: RememberedRequest, user: User) -> None:
    """A replay is a read of the same patients, and needs the same clinics."""
    touched = [(UUID(clinic), UUID(patient)) for clinic, patient in remembered.touched]
    if not {clinic for clinic, _ in touched} <= set(user.clinic_ids):
        raise NotFound("There is no such record.")
    traced = trace.current()
    for clinic, patient in touched:
        if traced:
            traced.touched[clinic].add(patient)
