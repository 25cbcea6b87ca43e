"""What holds for every request: an id, a signed-in person, no stored copies, readable errors."""

import ipaddress
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from mammotrack import errors, log

View = TypeVar("View", bound=Callable)
Responder = Callable[[HttpRequest], HttpResponse]

PROGRAM_PREFIXES = ("/api/", "/dicomweb/", "/fhir/")  # what programs call: no pages, no redirects

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

RETRY_AFTER_S = {errors.TooManyAttempts: 60, errors.Unavailable: 5}

STATUS = {  # the first kind that fits
    errors.NotFound: 404,
    errors.Forbidden: 403,
    errors.Inconsistent: 400,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Rejected: 422,
    errors.StaleVersion: 412,
    errors.Conflict: 409,
    errors.TooManyAttempts: 429,
    errors.Unavailable: 503,
}


def status_of(error: errors.MammoTrackError) -> int:
    """The HTTP status of one of our errors."""
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def headers_of(error: errors.MammoTrackError) -> dict[str, str]:
    """When to come back, where coming back helps."""
    seconds = [pause for kind, pause in RETRY_AFTER_S.items() if isinstance(error, kind)]
    return {"Retry-After": str(seconds[0])} if seconds else {}


def error_page(request: HttpRequest, error: errors.MammoTrackError) -> HttpResponse:
    """The page that explains one of our own errors."""
    status = status_of(error)
    page = render_to_string("errors/problem.html", {"error": error, "status": status}, request)
    return HttpResponse(page, status=status, headers=headers_of(error))


def too_many_attempts(request: HttpRequest) -> HttpResponse:
    """What allauth answers to one attempt too many, as ``handler429`` of the URLs."""
    return error_page(
        request, errors.TooManyAttempts("Too many attempts. Wait a few minutes and try again.")
    )


class ClientAddressMiddleware:
    """Behind our proxy, ``REMOTE_ADDR`` is the address that the proxy saw: the last one named.

    Whatever stands before it in ``X-Forwarded-For`` was sent by the client and proves nothing.
    """

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.BEHIND_TLS_PROXY:
            seen = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            with suppress(ValueError):  # called without the proxy, as by a probe on this machine
                request.META["REMOTE_ADDR"] = str(ipaddress.ip_address(seen))
        return self.get_response(request)


class RequestIdMiddleware:
    """Takes a well-formed ``X-Request-ID`` or makes one; answers with it."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if _ACCEPTED_ID.fullmatch(sent) else str(uuid.uuid4())
        token = log.request_id.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            log.request_id.reset(token)
        response["X-Request-ID"] = request_id
        return response


class AdminContentPolicyMiddleware:
    """Relaxes the content policy for the admin theme and the API page, which carry inline code.

    Every other page keeps the strict policy of the settings.
    """

    POLICY = {
        "default-src": [NONE],
        "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(("/admin/", "/api/v1/docs/")):
            response._csp_config = self.POLICY  # type: ignore[attr-defined]  # django-csp
        return response


class SignInRequiredMiddleware:
    """Denies by default: a page is public only when its view says so with ``public``.

    What programs call answers 401 itself and the admin has its own door.
    """

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable, args: tuple, kwargs: dict
    ) -> HttpResponse | None:
        if request.user.is_authenticated or getattr(view, "is_public", False):
            return None
        if request.path.startswith((*PROGRAM_PREFIXES, "/admin/")):
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Redirect": reverse("account_login")})
        return redirect_to_login(_way_back(request), str(settings.LOGIN_URL))


def _way_back(request: HttpRequest) -> str:
    """Where a person was: a form that came too late leads back to the page it stood on."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    return came_from.path if came_from.netloc == request.get_host() else request.get_full_path()


def public(view: View) -> View:
    """Mark a view that needs no signed-in user."""
    view.is_public = True  # type: ignore[attr-defined]  # a mark on a function
    return view


class NoStoreMiddleware:
    """Pages and answers hold health data: no cache keeps them."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store")
        return response


class ErrorPageMiddleware:
    """Turns our own errors, raised by a page, into the page that explains them."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, errors.MammoTrackError):
            return None
        return error_page(request, error)
