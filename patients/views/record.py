"""Pages of the record beside treatment: consent and history."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from mammotrack.accounts.policy import Permission, require
from mammotrack.web import Request
from patients import selectors, services
from patients.choices import ConsentPurpose
from patients.consents import consent_state
from patients.forms import ConsentForm, HistoryForm
from patients.views.shared import about, form_page, reason_page, submit


@form_page
def consent(request: Request, patient_id: UUID) -> HttpResponse:
    patient = selectors.patient_visible_to(request.user, patient_id)
    form = ConsentForm(request.POST or None, initial={"decided_on": timezone.localdate()})
    status = 200
    if request.method == "POST":
        require(request.user, Permission.RECORD_CONSENT)
        record = partial(services.record_consent, patient, recorded_by=request.user)
        status = submit(form, record, field_of=lambda _error: "decided_on")
        if status == 200:
            messages.success(request, _("The consent is on record."))
            return redirect("patients:consent", patient.pk)
    context = about(patient) | {
        "form": form,
        "states": [consent_state(patient.pk, purpose) for purpose in ConsentPurpose],
        "answers": selectors.consents_of(patient),
    }
    return render(request, "patients/consent.html", context, status=status)


@form_page
def history(request: Request, patient_id: UUID) -> HttpResponse:
    patient = selectors.patient_visible_to(request.user, patient_id)
    form = HistoryForm(request.POST or None)
    status = 200
    if request.method == "POST":
        require(request.user, Permission.WRITE_PATIENTS)
        record = partial(services.record_history, patient, recorded_by=request.user)
        status = submit(form, record, field_of=lambda error: error.context.get("field"))
        if status == 200:
            messages.success(request, _("The entry is on record."))
            return redirect("patients:history", patient.pk)
    context = about(patient) | {"form": form, "entries": selectors.history_of(patient)}
    return render(request, "patients/history.html", context, status=status)


@form_page
def retract_history(request: Request, patient_id: UUID, entry_id: UUID) -> HttpResponse:
    require(request.user, Permission.WRITE_PATIENTS)
    patient = selectors.patient_visible_to(request.user, patient_id)
    entry = selectors.history_entry_of(patient, entry_id)
    return reason_page(
        request,
        patient,
        partial(services.retract_history, entry, retracted_by=request.user),
        title=_("Retract: %(entry)s") % {"entry": entry.get_item_display()},
        button=_("Retract the entry"),
        then="patients:history",
    )
