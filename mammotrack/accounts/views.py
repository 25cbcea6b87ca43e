"""Where each role starts, and what the computer is and is not."""

from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from mammotrack.accounts.policy import Permission, can
from mammotrack.accounts.session_end import session_facts
from mammotrack.web import Request


@require_safe
def home(request: Request) -> HttpResponse:
    """Doctors start at what waits for them, others at the patients."""
    if can(request.user, Permission.READ_ANALYSES):
        return redirect("worklist")
    if can(request.user, Permission.READ_PATIENTS):
        return redirect("patients:list")
    if request.user.is_staff:
        return redirect("admin:index")
    return render(request, "accounts/no_records.html")


@require_safe
def session(request: Request) -> JsonResponse:
    """Asking extends the session. The page that asks may have been opened by an earlier one."""
    return JsonResponse(session_facts(request, request.user) | {"csrf": get_token(request)})


@require_safe
def about(request: Request) -> HttpResponse:
    """What the computer does and does not do; the intended use."""
    return render(request, "accounts/about.html")
