"""Errors as problem documents (RFC 9457): one shape for whatever goes wrong for a program."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.views import exception_handler

from mammotrack.errors import MammoTrackError, Unavailable
from mammotrack.log import request_id
from mammotrack.middleware import PROGRAM_PREFIXES, headers_of, status_of

MEDIA_TYPE = "application/problem+json"
INVALID = "Some fields are not valid."
NOTHING_HERE = "There is nothing at this address."

log = logging.getLogger(__name__)


class PreconditionFailed(APIException):
    """The record is not in the version the client changed (RFC 9110, If-Match)."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "stale_version"
    default_detail = "Somebody changed this record meanwhile. Load it again."


class PreconditionRequired(APIException):
    """A change without If-Match could overwrite somebody else's (RFC 6585)."""

    status_code = HTTPStatus.PRECONDITION_REQUIRED
    default_code = "precondition_required"
    default_detail = "Send If-Match with the ETag of the version you changed."


class BadRequest(APIException):
    status_code = HTTPStatus.BAD_REQUEST
    default_code = "bad_request"
    default_detail = "The request is malformed."


class BodyTooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = "The request body is larger than allowed."


def problem(
    request: HttpRequest | Request,
    *,
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> JsonResponse:
    """The document for one error; ``code`` is stable and docs/api.md explains it."""
    body = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": request.path,
        "request_id": request_id.get(),
        "code": code,
        **members,
    }
    return JsonResponse(body, status=status, headers=headers, content_type=MEDIA_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """What REST framework calls with each exception of a view; None: nobody foresaw it."""
    request, error = context["request"], _translated(error)
    if isinstance(error, MammoTrackError):
        return problem_of(request, error)
    if isinstance(error, ValidationError):
        errors = list(_flat(error.get_full_details(), pointer="#"))
        return problem(request, status=400, code="invalid", detail=INVALID, errors=errors)
    return _frameworks(request, error, context)


def _translated(error: Exception) -> Exception:
    """Django's own exceptions in the terms of the API."""
    match error:
        case Http404():
            return NotFound(NOTHING_HERE)
        case RequestDataTooBig():
            return BodyTooLarge()
        case SuspiciousOperation():
            return BadRequest()
        case OperationalError():
            log.exception("the database does not answer")
            return Unavailable("The database does not answer.")
    return error


def problem_of(request: HttpRequest | Request, error: MammoTrackError) -> HttpResponse:
    """The document for one of our own errors."""
    context = dict(error.context)
    errors = [  # of a model's own validation, by field
        {"pointer": f"#/{name}", "code": "invalid", "message": message}
        for name, messages in context.pop("errors", {}).items()
        for message in messages
    ]
    members = {"context": context, "errors": errors}
    return problem(
        request,
        status=status_of(error),
        code=error.problem_code,
        detail=error.detail,
        headers=headers_of(error),
        **{name: value for name, value in members.items() if value},
    )


def _frameworks(request: Request, error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = response.data["detail"]
    kept = ("WWW-Authenticate", "Retry-After")
    return problem(
        request,
        status=response.status_code,
        code=detail.code,
        detail=str(detail),
        headers={name: response.headers[name] for name in kept if name in response.headers},
    )


def _flat(details: Any, *, pointer: str) -> Iterator[dict[str, str]]:
    """Each message of a nested validation error with the JSON pointer of what it is about."""
    if isinstance(details, list):
        for index, item in enumerate(details):
            is_message = "message" in item and "code" in item
            yield from _flat(item, pointer=pointer if is_message else f"{pointer}/{index}")
    elif isinstance(details.get("message"), str):
        yield {"pointer": pointer, "code": details["code"], "message": str(details["message"])}
    else:
        for name, below in details.items():
            here = pointer if name == "non_field_errors" else f"{pointer}/{name}"
            yield from _flat(below, pointer=here)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler404``."""
    if request.path.startswith(PROGRAM_PREFIXES):
        return problem(request, status=404, code="not_found", detail=NOTHING_HERE)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``. It asks nothing of the database: that may be what is broken."""
    if request.path.startswith(PROGRAM_PREFIXES):
        detail = "Something went wrong here. It was logged under this request's id."
        return problem(request, status=500, code="server_error", detail=detail)
    page = render_to_string("500.html", {"request_id": request_id.get()})
    return HttpResponse(page, status=500)
