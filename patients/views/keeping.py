"""Pages that join records, part them again, and put them away."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import Conflict, NotFound, Rejected
from mammotrack.middleware import status_of
from mammotrack.web import Request, page_of, show_refusal
from patients import selectors, services
from patients.forms import MergeForm
from patients.models import Patient
from patients.views.shared import about, form_page, reason_page


@form_page
def merge(request: Request, patient_id: UUID) -> HttpResponse:
    """Ask for the other record, show both side by side, then merge it into this one."""
    require(request.user, Permission.MERGE_PATIENTS)
    patient = selectors.patient_visible_to(request.user, patient_id)
    form = MergeForm(request.POST or None)
    context: dict[str, object] = {"form": form}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            said = form.cleaned_data
            try:
                other = selectors.patient_with_number(patient, said["record_number"])
                if said["compared_with"] == other.pk:
                    services.merge_patients(
                        merged=other,
                        survivor=patient,
                        reason=said["reason"],
                        merged_by=request.user,
                    )
                    messages.success(request, _("The records are one now."))
                    return redirect("patients:detail", patient.pk)
                context["other"], status = other, 200
            except NotFound as error:
                form.add_error("record_number", _(error.detail))
            except (Rejected, Conflict) as error:
                show_refusal(form, error, field="reason")
                status = status_of(error)
    return render(request, "patients/merge.html", about(patient) | context, status=status)


@form_page
def undo_merge(request: Request, patient_id: UUID, merge_id: UUID) -> HttpResponse:
    require(request.user, Permission.MERGE_PATIENTS)
    patient = selectors.patient_visible_to(request.user, patient_id)
    found = selectors.merge_of(patient, merge_id)
    act = partial(services.undo_merge, found, undone_by=request.user)
    number = found.merged.medical_record_number
    title = _("Undo the merge with record no. %(number)s") % {"number": number}
    return reason_page(request, patient, act, title=title, button=_("Part the records"))


@form_page
def archive(request: Request, patient_id: UUID) -> HttpResponse:
    patient = _to_keep(request, patient_id)
    act = partial(services.archive_patient, patient, archived_by=request.user)
    return reason_page(request, patient, act, title=_("Archive the record"), button=_("Archive"))


@form_page
def restore(request: Request, patient_id: UUID) -> HttpResponse:
    patient = _to_keep(request, patient_id)
    act = partial(services.restore_patient, patient, restored_by=request.user)
    return reason_page(request, patient, act, title=_("Restore the record"), button=_("Restore"))


@form_page
def hold(request: Request, patient_id: UUID) -> HttpResponse:
    patient = _to_keep(request, patient_id)
    if patient.hold_reason:
        act = partial(services.lift_hold, patient, lifted_by=request.user)
        return reason_page(
            request, patient, act, title=_("Lift the legal hold"), button=_("Lift the hold")
        )
    act = partial(services.place_hold, patient, placed_by=request.user)
    return reason_page(
        request, patient, act, title=_("Place a legal hold"), button=_("Place the hold")
    )


@form_page
def archived(request: Request) -> HttpResponse:
    require(request.user, Permission.READ_PATIENTS)
    found = selectors.archived_patients(request.user).select_related("clinic")
    context = {"page": page_of(found, request.GET.get("page"))}
    return render(request, "patients/archived.html", context)


def _to_keep(request: Request, patient_id: UUID) -> Patient:
    require(request.user, Permission.KEEP_RECORDS)
    return selectors.patient_visible_to(request.user, patient_id)
