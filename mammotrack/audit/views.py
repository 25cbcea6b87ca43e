"""The trail and who opened whose record: for those who watch over records they do not read."""

from itertools import islice
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.forms import PatientForm, TrailForm
from mammotrack.audit.runs import runs
from mammotrack.audit.selectors import accesses_of
from mammotrack.audit.standing import chain_states, verify_chains
from mammotrack.audit.trail import export_lines, trail_rows
from mammotrack.web import Request, page_number

MOST = 500


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: Request) -> HttpResponse:
    require(request.user, Permission.READ_AUDIT)
    form = PatientForm(request.POST or None)
    if form.is_valid():
        return redirect("audit:accesses", form.cleaned_data["patient_id"])
    status = 422 if form.is_bound else 200
    return render(request, "audit/index.html", {"form": form}, status=status)


@require_safe
def accesses(request: Request, patient_id: UUID) -> HttpResponse:
    """Newest first; a record that was never opened and one of another clinic look the same."""
    found = list(islice(accesses_of(patient_id, reader=request.user), MOST + 1))
    context = {"patient_id": patient_id, "runs": runs(found[:MOST]), "more": len(found) > MOST}
    return render(request, "audit/accesses.html", context)


@require_safe
def trail(request: Request) -> HttpResponse:
    """Every entry of the reader's clinics, newest first."""
    require(request.user, Permission.READ_AUDIT)
    form = TrailForm(request.GET or None, reader=request.user)
    page = page_number(request.GET.get("page"))
    rows, has_next = trail_rows(request.user, form.filters(), page=page)
    chosen = request.GET.copy()
    chosen.pop("page", None)
    context = {
        "form": form,
        "runs": runs(rows),
        "page": page,
        "has_next": has_next,
        "chosen": chosen.urlencode(),
        "chains": chain_states(request.user),
    }
    return render(request, "audit/trail.html", context)


@require_GET
def export(request: Request) -> StreamingHttpResponse:
    require(request.user, Permission.READ_AUDIT)
    form = TrailForm(request.GET or None, reader=request.user)
    lines = export_lines(request.user, form.filters())
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
    return response


@require_POST
def verify(request: Request) -> HttpResponse:
    """Read the chains from end to end, now."""
    verify_chains(request.user)
    return redirect("audit:trail")
