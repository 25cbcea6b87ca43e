"""Pages of breaking the glass: for who must, and for who watches."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import Conflict, NotFound, Rejected
from mammotrack.middleware import status_of
from mammotrack.web import Request, page_of, show_refusal
from patients import selectors, services
from patients.forms import EmergencyForm
from patients.views.shared import form_page


@form_page
def emergency(request: Request) -> HttpResponse:
    """Ask for two identifiers and the reason, then open the record."""
    require(request.user, Permission.BREAK_GLASS)
    form = EmergencyForm(request.POST or None, clinics=selectors.all_clinics())
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                access = services.break_glass(**form.cleaned_data, opened_by=request.user)
            except (Rejected, Conflict, NotFound) as error:
                field = "reason" if error.problem_code == "reason_required" else None
                show_refusal(form, error, field=field)
                status = 422 if isinstance(error, NotFound) else status_of(error)
            else:
                return redirect("patients:detail", access.patient_id)
    context = {"form": form, "lasts": services.EMERGENCY_LASTS}
    return render(request, "patients/emergency.html", context, status=status)


@require_POST
def end(request: Request, access_id: UUID) -> HttpResponse:
    require(request.user, Permission.BREAK_GLASS)
    services.end_access(selectors.own_access(request.user, access_id), ended_by=request.user)
    messages.success(request, _("The emergency access has ended."))
    return redirect("home")


@require_safe
def accesses(request: Request) -> HttpResponse:
    """Every access to the clinic's records, those that nobody has looked at first."""
    found = selectors.emergency_accesses(request.user)
    context = {
        "unseen": found.filter(reviewed_at=None),
        "page": page_of(found.exclude(reviewed_at=None), request.GET.get("page")),
    }
    return render(request, "patients/emergency_accesses.html", context)


@require_POST
def review(request: Request, access_id: UUID) -> HttpResponse:
    access = selectors.emergency_access(request.user, access_id)
    services.review_access(access, reviewed_by=request.user)
    messages.success(request, _("Reviewed."))
    return redirect("patients:emergency-accesses")
