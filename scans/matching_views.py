"""Files that machines sent and that name no patient for sure: whose they are, a person says.

Two steps: choose a patient by record number, then compare both identities and confirm.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammotrack.errors import MammoTrackError
from mammotrack.middleware import status_of
from mammotrack.web import Request
from patients.models import Patient
from patients.selectors import patient_of_number, patient_visible_to
from scans import arrivals, selectors
from scans.choices import DiscardReason
from scans.forms import AttachForm, ChoosePatientForm, DiscardForm
from scans.media import stored_picture
from scans.models import UnmatchedFile
from scans.presenters import file_row, identities, refusal
from scans.services import object_store

MOST_SHOWN = 200


@require_safe
def waiting(request: Request) -> HttpResponse:
    files = list(selectors.unmatched_files(request.user)[: MOST_SHOWN + 1])
    rows = [file_row(file) for file in files[:MOST_SHOWN]]
    context = {"rows": rows, "more": len(files) > MOST_SHOWN}
    return render(request, "scans/unmatched.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: Request, file_id: UUID) -> HttpResponse:
    """What the file says; with a record number posted, beside that patient's record."""
    file = selectors.unmatched_file_visible_to(request.user, file_id)
    if request.method != "POST":
        return _page(request, file)
    form = ChoosePatientForm(request.POST)
    if not form.is_valid():
        return _page(request, file, choose=form, status=422)
    patient = patient_of_number(file.clinic_id, form.cleaned_data["record_number"])
    if patient is None:
        form.add_error("record_number", _("No patient of this clinic has this record number."))
        return _page(request, file, choose=form, status=422)
    return _page(request, file, patient=patient, choose=form)


@require_POST
def attach(request: Request, file_id: UUID) -> HttpResponse:
    file = selectors.unmatched_file_visible_to(request.user, file_id)
    form = AttachForm(request.POST)
    if "patient" in form.errors:
        return _page(request, file, status=422)
    is_valid = form.is_valid()
    patient = patient_visible_to(request.user, form.cleaned_data["patient"])
    if not is_valid:
        return _page(request, file, patient=patient, form=form, status=422)
    try:
        arrivals.attach_file(file, patient, statement=form.statement(), attached_by=request.user)
    except MammoTrackError as error:
        return _page(
            request,
            file,
            patient=patient,
            form=form,
            status=status_of(error),
            refusal=refusal(error),
        )
    messages.success(request, _("Attached. The picture is on the timeline."))
    return redirect("patients:detail", patient.pk)


@require_POST
def discard(request: Request, file_id: UUID) -> HttpResponse:
    file = selectors.unmatched_file_visible_to(request.user, file_id)
    form = DiscardForm(request.POST)
    if not form.is_valid():
        return _page(request, file, discard=form, status=422)
    reason = DiscardReason(form.cleaned_data["reason"])
    arrivals.discard_file(file, reason=reason, discarded_by=request.user)
    messages.success(request, _("Discarded. The file is removed."))
    return redirect("scans:unmatched")


@require_safe
def picture(request: Request, file_id: UUID) -> FileResponse:
    file = selectors.unmatched_file_visible_to(request.user, file_id)
    return stored_picture(
        object_store().derived_path(file.sha256, "display.jpg"), name=str(file.pk)
    )


def _page(
    request: Request,
    file: UnmatchedFile,
    *,
    patient: Patient | None = None,
    form: AttachForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = {
        "row": file_row(file),
        "patient": patient,
        "identities": identities(file, patient) if patient else [],
        "choose": ChoosePatientForm(),
        "discard": DiscardForm(),
        "form": form or AttachForm(initial={"patient": patient and patient.pk}),
        **more,
    }
    return render(request, "scans/unmatched_file.html", context, status=status)
