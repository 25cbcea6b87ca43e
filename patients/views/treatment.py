"""Therapy and pathology: added to, and corrected by a new version."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from mammotrack.accounts.policy import Permission, require
from mammotrack.web import Request
from patients import selectors, services
from patients.forms import CourseForm, CycleForm, PathologyForm
from patients.models import AmendableFact, Patient
from patients.views.shared import about, field_of_refusal, form_page, submit


@form_page
def add_course(request: Request, patient_id: UUID) -> HttpResponse:
    patient = _patient_to_treat(request, patient_id)
    record = partial(services.record_course, patient)
    return _fact_page(request, patient, CourseForm, record, title=_("Add a course of therapy"))


@form_page
def amend_course(request: Request, patient_id: UUID, course_id: UUID) -> HttpResponse:
    patient = _patient_to_treat(request, patient_id)
    course = selectors.course_of(patient, course_id)
    amend = partial(services.amend_course, course)
    return _fact_page(
        request,
        patient,
        CourseForm,
        amend,
        title=_("Correct %(regimen)s") % {"regimen": course.regimen},
        fact=course,
    )


@form_page
def add_cycle(request: Request, patient_id: UUID, course_id: UUID) -> HttpResponse:
    patient = _patient_to_treat(request, patient_id)
    course = selectors.course_of(patient, course_id)
    record = partial(services.record_cycle, course)
    title = _("Add a cycle of %(regimen)s") % {"regimen": course.regimen}
    return _fact_page(request, patient, CycleForm, record, title=title)


@form_page
def amend_cycle(
    request: Request, patient_id: UUID, course_id: UUID, cycle_id: UUID
) -> HttpResponse:
    patient = _patient_to_treat(request, patient_id)
    cycle = selectors.cycle_of(selectors.course_of(patient, course_id), cycle_id)
    amend = partial(services.amend_cycle, cycle)
    return _fact_page(
        request,
        patient,
        CycleForm,
        amend,
        title=_("Correct cycle %(number)s") % {"number": cycle.number},
        fact=cycle,
    )


@form_page
def add_pathology(request: Request, patient_id: UUID) -> HttpResponse:
    patient = _patient_to_treat(request, patient_id)
    record = partial(services.record_pathology, patient)
    return _fact_page(request, patient, PathologyForm, record, title=_("Add a pathology report"))


@form_page
def amend_pathology(request: Request, patient_id: UUID, report_id: UUID) -> HttpResponse:
    patient = _patient_to_treat(request, patient_id)
    report = selectors.report_of(patient, report_id)
    amend = partial(services.amend_pathology, report)
    return _fact_page(
        request, patient, PathologyForm, amend, title=_("Correct the pathology report"), fact=report
    )


def _patient_to_treat(request: Request, patient_id: UUID) -> Patient:
    require(request.user, Permission.WRITE_THERAPY)
    return selectors.patient_visible_to(request.user, patient_id)


def _fact_page(
    request: Request,
    patient: Patient,
    form_class: type[Form],
    record: Callable[..., object],
    *,
    title: str,
    fact: AmendableFact | None = None,
) -> HttpResponse:
    """Show the form, or record what it says about the patient and go back to the record.

    With a ``fact`` it starts from that, and says which version of it was seen.
    """
    initial = {name: getattr(fact, name) for name in form_class.base_fields} if fact else None
    form = form_class(request.POST or None, initial=initial)
    version = _seen_version(request, fact) if fact else None
    status = 200
    if request.method == "POST":
        seen = {"expected_version": version} if fact else {}
        act = partial(record, **seen, recorded_by=request.user)
        status = submit(form, act, field_of=field_of_refusal)
        if status == 200:
            messages.success(request, _("It is on record."))
            return redirect("patients:detail", patient.pk)
    context = about(patient) | {"form": form, "title": title, "expected_version": version}
    return render(request, "patients/add_fact.html", context, status=status)


def _seen_version(request: Request, fact: AmendableFact) -> int:
    sent = request.POST.get("expected_version", "")
    return int(sent) if sent.isdecimal() and len(sent) < 10 else fact.version
