"""Taking files in and showing pictures."""

from uuid import UUID

from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import MammoTrackError
from mammotrack.middleware import status_of
from mammotrack.web import Request
from patients.history import removals
from patients.models import Patient
from patients.presenters import banner
from patients.selectors import patient_visible_to
from scans import limits, selectors, services
from scans.forms import UploadForm
from scans.header import PIXELS_NAME
from scans.media import stored_picture
from scans.presenters import refusal


@require_safe
def upload(request: Request, patient_id: UUID) -> HttpResponse:
    return _page(request, _patient(request, patient_id), form=UploadForm())


@require_POST
def store(request: Request, patient_id: UUID) -> HttpResponse:
    """Take one file; a script that sends several gets the fragment for its row."""
    patient = _patient(request, patient_id)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _answer(request, patient, form, status=422, invalid=True)
    try:
        stored = services.store_mammogram(
            patient=patient,
            chunks=form.cleaned_data["file"].chunks(),
            statement=form.statement(),
            stored_by=request.user,
        )
    except MammoTrackError as error:
        return _answer(request, patient, form, status=status_of(error), refusal=refusal(error))
    return _answer(request, patient, form, status=201 if stored.created else 200, stored=stored)


def _answer(
    request: Request, patient: Patient, form: UploadForm, *, status: int, **result: object
) -> HttpResponse:
    if request.htmx:
        context = {"patient": patient, "form": form, **result}
        return render(request, "scans/_result.html", context, status=status)
    return _page(request, patient, form=form, status=status, **result)


def _page(
    request: Request, patient: Patient, *, form: UploadForm, status: int = 200, **result: object
) -> HttpResponse:
    context = {
        "patient": patient,
        "banner": banner(patient, today=timezone.localdate()),
        "form": form,
        "removals": removals(patient.pk),
        "largest_mib": limits.MAX_FILE_BYTES // limits.MIB,
        **result,
    }
    return render(request, "scans/upload.html", context, status=status)


def _patient(request: Request, patient_id: UUID) -> Patient:
    require(request.user, Permission.UPLOAD_SCANS)
    return patient_visible_to(request.user, patient_id)


@require_safe
def display(request: Request, mammogram_id: UUID) -> FileResponse:
    mammogram = selectors.mammogram_visible_to(request.user, mammogram_id)
    path = services.object_store().derived_path(mammogram.sha256, "display.jpg")
    return stored_picture(path, name=str(mammogram.pk))


@require_safe
def pixels(request: Request, mammogram_id: UUID) -> FileResponse:
    """All values at full depth, for the viewer: a gray PNG of 8 or 16 bits."""
    mammogram = selectors.mammogram_visible_to(request.user, mammogram_id)
    path = services.object_store().derived_path(mammogram.sha256, PIXELS_NAME)
    return stored_picture(path, name=str(mammogram.pk))


@require_safe
def thumbnail(request: Request, mammogram_id: UUID) -> FileResponse:
    mammogram = selectors.mammogram_visible_to(request.user, mammogram_id)
    path = services.object_store().derived_path(mammogram.sha256, "thumbnail.jpg")
    return stored_picture(path, name=str(mammogram.pk))
