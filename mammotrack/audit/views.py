"""Who opened whose record: for those who watch over the records, which they do not read."""

from itertools import islice
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.forms import PatientForm
from mammotrack.audit.selectors import accesses_of
from mammotrack.web import Request

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
    context = {"patient_id": patient_id, "rows": found[:MOST], "more": len(found) > MOST}
    return render(request, "audit/accesses.html", context)
