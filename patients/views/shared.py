"""What the forms about one patient have in common."""

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from mammotrack.errors import Conflict, MammoTrackError, Rejected
from mammotrack.middleware import status_of
from mammotrack.web import Request, show_refusal
from patients.forms import ReasonForm
from patients.models import Patient
from patients.presenters import banner

form_page = require_http_methods(["GET", "HEAD", "POST"])

FIELD_OF_REFUSAL = {
    "duplicate_record_number": "medical_record_number",
    "empty_record_number": "medical_record_number",
    "possible_duplicate": "duplicate_reason",
    "overlapping_cycles": "given_date",
    "duplicate_cycle": "number",
    "cycle_not_planned": "number",
}


def field_of_refusal(error: MammoTrackError) -> str | None:
    return FIELD_OF_REFUSAL.get(error.problem_code)


def refuse(form: Form, error: MammoTrackError) -> int:
    show_refusal(form, error, field=field_of_refusal(error))
    return status_of(error)


def submit(
    form: Form,
    act: Callable[..., object],
    *,
    field_of: Callable[[MammoTrackError], str | None],
) -> int:
    """Act on what the form says: 200 when done, else the status of the refusal the form shows."""
    if not form.is_valid():
        return 422
    try:
        act(**form.cleaned_data)
    except (Rejected, Conflict) as error:
        show_refusal(form, error, field=field_of(error))
        return status_of(error)
    return 200


def about(patient: Patient) -> dict[str, object]:
    return {"patient": patient, "banner": banner(patient, today=timezone.localdate())}


def reason_page(
    request: Request,
    patient: Patient,
    act: Callable[..., object],
    *,
    title: str,
    button: str,
    then: str = "patients:detail",
) -> HttpResponse:
    """Ask for a reason, act with it, and go on."""
    form = ReasonForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = submit(form, act, field_of=lambda _error: "reason")
        if status == 200:
            messages.success(request, _("It is done and on record."))
            return redirect(then, patient.pk)
    context = about(patient) | {"form": form, "title": title, "button": button}
    return render(request, "patients/add_fact.html", context, status=status)
