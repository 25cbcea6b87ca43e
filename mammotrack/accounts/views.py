"""Where each role starts, and what the computer is and is not."""

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog

from mammotrack.accounts.languages import keep_language, remember
from mammotrack.accounts.middleware import renew
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can
from mammotrack.accounts.session_end import session_facts
from mammotrack.web import Request


@require_safe
def home(request: Request) -> HttpResponse:
    """Doctors start at what waits for them, others at the patients or at how the system does."""
    if can(request.user, Permission.READ_ANALYSES):
        return redirect("worklist")
    if can(request.user, Permission.READ_PATIENTS):
        return redirect("patients:list")
    if can(request.user, Permission.SEE_SYSTEM):
        return redirect("system")
    return render(request, "accounts/no_records.html")


@require_safe
def session(request: Request) -> JsonResponse:
    """Asking extends the session. The page that asks may have been opened by an earlier one."""
    renew(request)
    return JsonResponse(session_facts(request, request.user) | {"csrf": get_token(request)})


@require_safe
def about(request: Request) -> HttpResponse:
    """What the computer does and does not do; the intended use."""
    return render(request, "accounts/about.html")


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Kept for the person who is signed in, and for the browser; back to where it was chosen."""
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        raise BadRequest("No such language.")
    if isinstance(request.user, User):
        keep_language(request.user, language)
    back = request.POST.get("next", "")
    known = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    response = redirect(back if known else "home")
    remember(response, language)
    return response


@require_safe
def script_texts(request: HttpRequest, language: str) -> HttpResponseBase:
    """What the pages' scripts say in that language, as a script."""
    with translation.override(language):
        response = JavaScriptCatalog.as_view(packages=["mammotrack"])(request)
    patch_cache_control(response, public=True, max_age=3600)
    return response
