"""Pages that put pictures beside each other: any two of a patient, and an exam with its prior."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from analysis import selectors
from analysis.pairs import hang, older_first
from analysis.services.jobs import IncomparableMammograms, check_comparable, request_analysis
from analysis.stage import stage_without_analysis
from mammotrack.accounts.policy import Permission, require
from mammotrack.web import Request
from patients.models import Patient
from patients.presenters import banner, interval
from patients.selectors import patient_visible_to
from scans.models import Mammogram
from scans.selectors import exam_visible_to, mammogram_visible_to, mammograms_of


@require_safe
def compare(request: Request, patient_id: UUID) -> HttpResponse:
    """Two pictures, older left: their analysis, the pictures alone, or why they are no pair."""
    require(request.user, Permission.READ_ANALYSES)
    patient = patient_visible_to(request.user, patient_id)
    chosen = _chosen(request.GET.getlist("picture"), patient)
    if len(chosen) != 2:
        return _page(request, patient, "choose", number=len(chosen))
    prior, current = chosen
    try:
        check_comparable(current=current, prior=prior)
    except IncomparableMammograms as refusal:
        return _page(request, patient, "refused", status=422, refusal=refusal, pictures=chosen)
    job = selectors.newest_job_of_pair(prior=prior, current=current)
    if job:
        return redirect("analysis:detail", job.pk)
    return _page(
        request,
        patient,
        "pair",
        stage=stage_without_analysis(prior=prior, current=current),
        prior=prior,
        current=current,
        interval=interval((current.exam_date - prior.exam_date).days),
    )


@require_POST
def request_pair(request: Request, mammogram_id: UUID, prior_id: UUID) -> HttpResponse:
    """Have two pictures analysed that nobody had compared."""
    require(request.user, Permission.REQUEST_ANALYSES)
    current = mammogram_visible_to(request.user, mammogram_id)
    prior = mammogram_visible_to(request.user, prior_id)
    job, _new = request_analysis(current=current, prior=prior, requested_by=request.user)
    messages.success(request, _("The analysis of these two pictures is requested."))
    return redirect("analysis:detail", job.pk)


@require_safe
def hanging(request: Request, exam_id: UUID) -> HttpResponse:
    """The views of an exam, each beside the one before it, all at one scale."""
    require(request.user, Permission.READ_ANALYSES)
    exam = exam_visible_to(request.user, exam_id)
    context = {
        "patient": exam.patient,
        "banner": banner(exam.patient, today=timezone.localdate()),
        "exam": exam,
        "hanging": hang(exam, list(mammograms_of(exam.patient)), selectors.jobs_of(exam.patient)),
    }
    return render(request, "analysis/hanging.html", context)


def _chosen(keys: list[str], patient: Patient) -> list[Mammogram]:
    """The patient's own pictures among these, each once, older first."""
    return older_first(each for each in mammograms_of(patient) if str(each.pk) in set(keys))


def _page(
    request: Request, patient: Patient, found: str, *, status: int = 200, **context: object
) -> HttpResponse:
    context |= {
        "patient": patient,
        "banner": banner(patient, today=timezone.localdate()),
        "found": found,
    }
    return render(request, "analysis/compare.html", context, status=status)
