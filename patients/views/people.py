"""Finding, registering and changing patients.

Names never travel in an address: searching is a POST.
"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import Conflict, MammoTrackError, Rejected
from mammotrack.middleware import status_of
from mammotrack.web import Request, page_of
from patients import selectors, services
from patients.errors import RecordMerged
from patients.forms import EditForm, RegistrationForm
from patients.models import Patient
from patients.presenters import ValuePair, banner, therapy_rows
from patients.views.shared import about, form_page, refuse

MIN_SEARCH_CHARACTERS = 2


@require_safe
def patient_list(request: Request) -> HttpResponse:
    return _listing(request, text="", page=request.GET.get("page"))


@require_POST
def search(request: Request) -> HttpResponse:
    text = request.POST.get("text", "").strip()[:100]
    return _listing(request, text=text, page=request.POST.get("page"))


def _listing(request: Request, *, text: str, page: str | None) -> HttpResponse:
    require(request.user, Permission.READ_PATIENTS)
    too_short = 0 < len(text) < MIN_SEARCH_CHARACTERS
    found = selectors.search_patients(request.user, "" if too_short else text)
    context = {
        "page": page_of(found.select_related("clinic"), page),
        "text": text,
        "too_short": too_short,
        "min_characters": MIN_SEARCH_CHARACTERS,
    }
    template = "patients/_rows.html" if request.htmx else "patients/list.html"
    return render(request, template, context)


@form_page
def new(request: Request) -> HttpResponse:
    require(request.user, Permission.WRITE_PATIENTS)
    clinics = selectors.clinics_of(request.user)
    form = RegistrationForm(request.POST or None, clinics=clinics)
    context: dict[str, object] = {"form": form}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                patient = services.register_patient(**form.cleaned_data, registered_by=request.user)
            except (Rejected, Conflict) as error:
                status = refuse(form, error)
                context["registered_id"] = error.context.get("patient_id")
                context["alike"] = _alike(request, error)
            else:
                messages.success(request, _("The patient is registered."))
                return redirect("patients:detail", patient.pk)
    return render(request, "patients/new.html", context, status=status)


@require_safe
def detail(request: Request, patient_id: UUID) -> HttpResponse:
    try:
        patient = selectors.patient_visible_to(request.user, patient_id)
    except RecordMerged as error:
        return redirect("patients:detail", error.context["patient_id"], permanent=True)
    about = banner(patient, today=timezone.localdate())
    treatment = selectors.treatment_of(patient, analysis_allowed=about.analysis_allowed)
    context = {
        "patient": patient,
        "banner": about,
        "treatment": treatment,
        "courses": therapy_rows(treatment.courses, treatment.cycles),
        "reports": treatment.pathology,
        "history": selectors.history_of(patient).filter(retracted_at=None),
        "merges": selectors.merges_into(patient),
        "kept_until": services.kept_until(patient),
    }
    return render(request, "patients/detail.html", context)


@form_page
def edit(request: Request, patient_id: UUID) -> HttpResponse:
    require(request.user, Permission.WRITE_PATIENTS)
    patient = selectors.patient_visible_to(request.user, patient_id)
    stored = _identity_of(patient) | {"expected_version": patient.version}
    form = EditForm(request.POST or None, initial=stored)
    context: dict[str, object] = {"form": form}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.update_patient(patient, **form.cleaned_data, changed_by=request.user)
            except services.StaleVersion as error:
                patient = selectors.patient_visible_to(request.user, patient_id)
                context["conflict"] = _conflict(form, patient)
                context["form"] = _with_version(form, patient.version)
                status = status_of(error)
            except (Rejected, Conflict) as error:
                status = refuse(form, error)
                patient = selectors.patient_visible_to(request.user, patient_id)
                context["registered_id"] = error.context.get("patient_id")
                context["alike"] = _alike(request, error)
            else:
                messages.success(request, _("The record is changed."))
                return redirect("patients:detail", patient.pk)
    return render(request, "patients/edit.html", about(patient) | context, status=status)


def _alike(request: Request, error: MammoTrackError) -> list[Patient]:
    """Those a new patient may be the same person as."""
    named = [candidate["patient_id"] for candidate in error.context.get("candidates", [])]
    return selectors.patients_by_id(request.user, named)


def _identity_of(patient: Patient) -> dict[str, object]:
    stored = {name: getattr(patient, name) for name in services.IDENTITY_FIELDS}
    return stored | {"birth_date": str(patient.born)}


def _conflict(form: EditForm, patient: Patient) -> list[ValuePair]:
    return [
        ValuePair(
            str(form[name].label),
            _in_words(form, name, form.cleaned_data[name]),
            _in_words(form, name, on_record),
        )
        for name, on_record in _identity_of(patient).items()
    ]


def _in_words(form: EditForm, name: str, value: object) -> str:
    choices = dict(getattr(form.fields[name], "choices", ()))
    return str(choices.get(value, value or ""))


def _with_version(form: EditForm, version: int) -> EditForm:
    """The same form, now answering to the newer record: saving again is a decision."""
    typed = {name: form.data[name] for name in form.data}
    return EditForm(typed | {"expected_version": version})
