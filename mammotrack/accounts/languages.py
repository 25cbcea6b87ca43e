"""In which language a page speaks. What programs read, and the administration, stay English."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from mammotrack.accounts.models import User
from mammotrack.middleware import PROGRAM_PREFIXES

Responder = Callable[[HttpRequest], HttpResponse]

ENGLISH_ONLY = (*PROGRAM_PREFIXES, "/admin/")


class LanguageMiddleware:
    """Speaks the person's language; of who chose none the browser's, by cookie or by header."""

    def __init__(self, get_response: Responder) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(language_of(request)):
            return self.get_response(request)


def language_of(request: HttpRequest) -> str:
    if request.path.startswith(ENGLISH_ONLY):
        return settings.LANGUAGE_CODE
    chosen = request.user.language if isinstance(request.user, User) else ""
    return (
        chosen
        if chosen in dict(settings.LANGUAGES)
        else translation.get_language_from_request(request)
    )


def keep_language(user: User, language: str) -> None:
    User.objects.filter(pk=user.pk).update(language=language)


def remember(response: HttpResponse, language: str) -> None:
    """Keep the choice in this browser, for the pages before anybody is signed in."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
