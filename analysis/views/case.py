"""One analysis, from queued to signed."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from analysis import selectors
from analysis.blinding import exam_to_read_first
from analysis.choices import RecommendationStatus
from analysis.forms import (
    AmendmentForm,
    CountersignatureForm,
    DecisionForm,
    MarkForm,
    SignatureForm,
)
from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Recommendation
from analysis.pictures import PROCESSING_VIEWS, histogram_of, kept_pictures
from analysis.presenters.canvas import canvases
from analysis.presenters.classification import PictureFinding, breast_finding, picture_finding
from analysis.presenters.comparison import change
from analysis.presenters.decisions import signed_versions
from analysis.presenters.findings import described_masses
from analysis.presenters.histogram import histogram_bars
from analysis.presenters.lesions import lesion_block
from analysis.presenters.moments import interval_between, moments
from analysis.presenters.proposals import proposal_icon, proposal_in_words, traced_rules
from analysis.presenters.similar_cases import similar
from analysis.reports.response import pdf_response
from analysis.services.decisions import amend_decision, countersign_decision, sign_decision
from analysis.services.jobs import check_one_patient, request_analysis
from analysis.services.lesions import mark_lesion
from analysis.services.reports import issue_report
from analysis.stage import stage_of
from analysis.views.renewing import state_context
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.accounts.reauthentication import ReauthenticationRequired
from mammotrack.errors import Conflict, NotFound, Rejected, TooManyAttempts
from mammotrack.middleware import status_of
from mammotrack.web import Request, show_refusal
from patients.presenters import banner

MARK_FIELDS = {"mark_radius_out_of_range": "radius"}  # others are of the whole mark
SIGNATURE_FIELDS = {"reason_required": "reason", "reauth_required": "password"}


@require_safe
def detail(request: Request, job_id: UUID) -> HttpResponse:
    job = selectors.job_visible_to(request.user, job_id)
    check_one_patient(job)
    if exam_id := exam_to_read_first(request.user, job):
        return redirect("analysis:reading", exam_id)
    return _page(request, job)


@require_POST
def mark(request: Request, job_id: UUID) -> HttpResponse:
    """Keep a mark and go to the analysis that measures it; on the page's current picture there is
    none yet."""
    require(request.user, Permission.MARK_LESIONS)
    job = selectors.job_visible_to(request.user, job_id)
    selectors.recommendation_of(job, user=request.user)
    form = _mark_form(request, job, request.POST)
    status = 422
    if form.is_valid():
        disc = {name: form.cleaned_data[name] for name in ("x", "y", "radius")}
        on_prior = form.cleaned_data["picture"] == "prior" and job.prior is not None
        try:
            made = mark_lesion(
                job.prior if on_prior and job.prior else job.current,
                **disc,
                is_new=form.is_new,
                supersedes=form.replaced,
                marked_by=request.user,
            )
        except (Rejected, Conflict) as error:
            show_refusal(form, error, field=MARK_FIELDS.get(error.problem_code))
            status = status_of(error)
        else:
            measuring = selectors.newest_job_at(made, current=job.current)
            said = _("Later pictures are measured at it.")
            if measuring:
                said = (
                    _("A new proposal is on its way.")
                    if made.is_new
                    else _("It is being measured.")
                )
            marked = _("The lesion is marked.")
            messages.success(request, f"{marked} {said}")
            return redirect("analysis:detail", measuring.pk if measuring else job.pk)
    return _page(request, job, mark_form=form, status=status)


@require_POST
def sign(request: Request, job_id: UUID) -> HttpResponse:
    return _signed(request, job_id, DecisionForm(request.POST), sign_decision)


@require_POST
def amend(request: Request, job_id: UUID) -> HttpResponse:
    return _signed(request, job_id, AmendmentForm(request.POST), amend_decision)


@require_POST
def countersign(request: Request, job_id: UUID) -> HttpResponse:
    return _signed(request, job_id, CountersignatureForm(request.POST), countersign_decision)


@require_POST
def retry(request: Request, job_id: UUID) -> HttpResponse:
    """Queue the analysis of the same pictures again, under today's versions."""
    job = selectors.job_visible_to(request.user, job_id)
    again, _ = request_analysis(
        current=job.current, prior=job.prior, mark=job.mark, requested_by=request.user
    )
    return redirect("analysis:detail", again.pk)


@require_GET
def report(request: Request, job_id: UUID) -> FileResponse:
    """The report on paper; a draft until a decision is in force."""
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    if recommendation is None:
        raise NotFound("There is nothing to report yet.")
    made = issue_report(recommendation, issued_by=request.user)
    return pdf_response(made.content, name=made.name)


def _mark_form(request: Request, job: AnalysisJob, data: QueryDict | None = None) -> MarkForm:
    lesions = selectors.followed_lesions_of(job.patient, user=request.user)
    return MarkForm(data, job=job, lesions=lesions)


def _signed(
    request: Request, job_id: UUID, form: SignatureForm, service: Callable[..., object]
) -> HttpResponse:
    """Give a signature; what is refused stands on its form."""
    require(request.user, Permission.SIGN_DECISIONS)
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    if recommendation is None:
        raise NotFound("There is no proposal to sign yet.")
    status = 422
    if form.is_valid():
        try:
            service(recommendation, **form.cleaned_data, signed_by=request.user)
        except (Rejected, Conflict, ReauthenticationRequired, TooManyAttempts) as error:
            show_refusal(form, error, field=SIGNATURE_FIELDS.get(error.problem_code))
            status = status_of(error)
        else:
            messages.success(request, _("Your signature is on record."))
            return redirect("analysis:detail", job.pk)
    return _page(request, job, form, status=status)


def _page(
    request: Request,
    job: AnalysisJob,
    form: SignatureForm | None = None,
    *,
    mark_form: MarkForm | None = None,
    status: int = 200,
) -> HttpResponse:
    recommendation = selectors.recommendation_of(job, user=request.user)
    masses = selectors.lesions_of(job.current, user=request.user)
    mark_form = mark_form or _mark_form(request, job)
    drawn = canvases(
        job,
        recommendation.comparison if recommendation else None,
        lesions=mark_form.lesions,
    )
    prior_finding, current_finding = _picture_findings(recommendation)
    analyses = list(selectors.analyses_of(job.current))
    labels: dict[UUID | None, str] = {each.mark.pk: each.label for each in mark_form.lesions}
    context = {
        "job": job,
        "patient": job.patient,
        "banner": banner(job.patient, today=timezone.localdate()),
        "interval": interval_between(job.prior, job.current),
        "moments": moments(job),
        "newer_job": _newer(job, analyses),
        "analyses": [(each, labels.get(each.mark_id, "")) for each in analyses],
        "mark_form": mark_form,
        "prior_canvas": drawn[0],
        "prior_finding": prior_finding,
        "current_finding": current_finding,
        "stage": stage_of(job, recommendation, drawn, (prior_finding, current_finding)),
        "lesions": described_masses(masses),
        "next_lesion": len(masses) + 1,
        "similar": similar(selectors.similar_cases_of(job.current, user=request.user)),
        **state_context(job, poll=0),
    }
    if recommendation:
        context |= _findings(recommendation, mark_form.lesions)
        context |= _signatures(recommendation, form, reader=request.user)
    return render(request, "analysis/detail.html", context, status=status)


def _picture_findings(
    recommendation: Recommendation | None,
) -> tuple[PictureFinding | None, PictureFinding | None]:
    """Of the prior and of the current picture; the record is of the current picture's day."""
    if recommendation is None:
        return None, None
    proven = recommendation.record.get("malignancy_proven", False)
    return (
        picture_finding(recommendation.prior_prediction, malignancy_proven=False),
        picture_finding(recommendation.current_prediction, malignancy_proven=proven),
    )


def _newer(job: AnalysisJob, analyses: Sequence[AnalysisJob]) -> AnalysisJob | None:
    """The newest analysis of the same pair at the same mark, if it is another one."""
    same = [
        each for each in analyses if (each.prior_id, each.mark_id) == (job.prior_id, job.mark_id)
    ]
    return same[0] if same and same[0].pk != job.pk else None


def _findings(
    recommendation: Recommendation, lesions: Sequence[FollowedLesion]
) -> dict[str, object]:
    comparison = recommendation.comparison
    pictures = kept_pictures(comparison)
    return {
        "recommendation": recommendation,
        "proposal_icon": proposal_icon(recommendation),
        "proposal_in_words": proposal_in_words(recommendation),
        "breast_finding": breast_finding(selectors.breast_of(recommendation.current_prediction)),
        "change": change(comparison),
        "lesion": lesion_block(recommendation.job, comparison, lesions=lesions),
        "rules": traced_rules(recommendation.trace),
        "pictures": pictures,
        "processing_views": [name for name in PROCESSING_VIEWS if name in pictures],
        "histogram": histogram_bars(histogram_of(comparison)),
    }


def _signatures(
    recommendation: Recommendation, form: SignatureForm | None, *, reader: User
) -> dict[str, object]:
    """What is signed, and the one form each that this reader may sign on."""
    decisions = selectors.decisions_on(recommendation)
    latest = decisions[0] if decisions else None
    seen = {"signatures_seen": recommendation.signature_count}
    second_due = recommendation.status == RecommendationStatus.AWAITING_SECOND
    return {
        "form": form,
        "decision": latest,
        "versions": signed_versions(decisions),
        "second_due": second_due,
        "signs_second": second_due and latest is not None and latest.signed_by != reader,
        "decision_form": form if type(form) is DecisionForm else DecisionForm(),
        "amendment_form": form if isinstance(form, AmendmentForm) else AmendmentForm(initial=seen),
        "countersignature_form": form
        if type(form) is CountersignatureForm
        else CountersignatureForm(initial=seen),
    }
