"""What signing in holds to: two factors, an end, few attempts, no key in an address."""

from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import unquote

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from mammotrack.accounts.models import Role, User
from mammotrack.accounts.tokens import holds_token
from mammotrack.api.problems import problem
from mammotrack.middleware import PROGRAM_PREFIXES
from mammotrack.models import now

Responder = Callable[[HttpRequest], HttpResponse]

# allauth's codes of a form that was tried too often, and the longest time it counts attempts for.
TOO_MANY_ATTEMPTS = {"too_many_login_attempts", "rate_limited"}
ATTEMPTS_COUNTED_S = 5 * 60
SIGNED_IN_AT = "signed_in_at"
RENEWED_AT = "renewed_at"
RENEW_AFTER = timedelta(seconds=30)
OPEN_WITHOUT_SECOND_FACTOR = ("/account/", "/sign-out/", "/about/")


def must_have_second_factor(user: User) -> bool:
    return settings.MFA_REQUIRED and user.role in (Role.DOCTOR, Role.ADMIN)


class KeyInAddressMiddleware:
    """Refuses a program's key in an address: proxies and browsers keep addresses."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not holds_token(unquote(request.META["QUERY_STRING"])):
            return self.get_response(request)
        detail = "A key stands in the address, where others may read it. Revoke it."
        if not request.path.startswith(PROGRAM_PREFIXES):
            raise BadRequest(detail)
        return problem(request, status=400, code="key_in_address", detail=detail)


class TooManyAttemptsMiddleware:
    """Gives allauth's refusal of one attempt too many its status: it answers 200, with a form."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_template_response(
        self, request: HttpRequest, response: TemplateResponse
    ) -> TemplateResponse:
        form = (response.context_data or {}).get("form")
        if isinstance(form, BaseForm) and _was_tried_too_often(form):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response.headers["Retry-After"] = str(ATTEMPTS_COUNTED_S)
        return response


class SessionLimitMiddleware:
    """Ends a session some hours after its sign-in, however busy it is.

    A page with forty pictures would write the session forty times to say that it is in use: it is
    renewed every half minute at most, and so ends up to that much sooner after the last request.
    """

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            began = request.session.setdefault(SIGNED_IN_AT, now().isoformat())
            if now() - datetime.fromisoformat(began) > limit_of(request.user):
                logout(request)
            elif now() - renewed_at(request) > RENEW_AFTER:
                renew(request)
        return self.get_response(request)


class SecondFactorRequiredMiddleware:
    """Opens nothing but the enrolment to those who must have a second factor and have none."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable, args: tuple, kwargs: dict
    ) -> HttpResponse | None:
        user = request.user
        if not isinstance(user, User) or not must_have_second_factor(user):
            return None
        if request.path.startswith(OPEN_WITHOUT_SECOND_FACTOR) or _used_two_factors(request):
            return None
        if is_mfa_enabled(user, types=["totp", "webauthn"]):  # enrolled since signing in
            return None
        if request.path.startswith(PROGRAM_PREFIXES):
            return problem(
                request,
                status=403,
                code="second_factor_required",
                detail="Enrol a second factor in the browser first.",
            )
        return redirect(reverse("mfa_index"))


def _was_tried_too_often(form: BaseForm) -> bool:
    errors = (error for field in form.errors.as_data().values() for error in field)
    return any(error.code in TOO_MANY_ATTEMPTS for error in errors)


def renew(request: HttpRequest) -> None:
    """Count the session's idle time from now."""
    request.session[RENEWED_AT] = now().isoformat()


def renewed_at(request: HttpRequest) -> datetime:
    """When the session was last saved for being in use; long ago for one that never was."""
    return datetime.fromisoformat(request.session.get(RENEWED_AT, "1970-01-01T00:00:00+00:00"))


def limit_of(user: User) -> timedelta:
    return settings.ADMIN_SESSION_LIMIT if user.role == Role.ADMIN else settings.SESSION_LIMIT


def _used_two_factors(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" for record in records)
