"""Pages of analyses: the worklist, one analysis from queued to signed, and its pictures."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from analysis import selectors
from analysis.blinding import exam_to_read_first, require_read
from analysis.choices import JobState, RecommendationStatus
from analysis.forms import (
    AmendmentForm,
    CountersignatureForm,
    DecisionForm,
    FindingForm,
    MarkForm,
    SignatureForm,
)
from analysis.models import AnalysisJob, Recommendation
from analysis.pictures import (
    PROCESSING_VIEWS,
    correspondence_path,
    heat_map_path,
    histogram_of,
    kept_pictures,
    picture_path,
    reference_picture_path,
)
from analysis.presenters.canvas import canvases
from analysis.presenters.classification import PictureFinding, breast_finding, picture_finding
from analysis.presenters.comparison import change
from analysis.presenters.decisions import signed_versions
from analysis.presenters.findings import DESCRIPTORS, described_masses
from analysis.presenters.histogram import histogram_bars
from analysis.presenters.lesions import lesion_block
from analysis.presenters.moments import interval_between, moments
from analysis.presenters.proposals import proposal_icon, traced_rules
from analysis.presenters.similar_cases import similar
from analysis.presenters.words import in_words
from analysis.reports.response import pdf_response
from analysis.services.decisions import (
    amend_decision,
    countersign_decision,
    sign_decision,
)
from analysis.services.findings import record_finding
from analysis.services.jobs import check_one_patient, request_analysis
from analysis.services.lesions import mark_lesion
from analysis.services.reports import issue_report
from analysis.stage import stage_of
from analysis.system import system_state
from analysis.worklist import TABS, WITHOUT_FINDINGS, worklist_rows
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can, require
from mammotrack.accounts.reauthentication import ReauthenticationRequired
from mammotrack.audit.standing import chain_states
from mammotrack.audit.trace import shows_no_patient
from mammotrack.errors import Conflict, NotFound, Rejected, TooManyAttempts
from mammotrack.middleware import status_of
from mammotrack.web import Request, show_refusal
from patients.choices import ConsentPurpose
from patients.consents import consent_state
from patients.partial_dates import age_on
from patients.presenters import banner
from scans.media import picture_response, stored_picture
from scans.selectors import mammogram_visible_to

MARK_FIELDS = {"mark_radius_out_of_range": "radius"}  # others are of the whole mark
LAST_POLL = 180  # a forgotten page must not keep its session alive for ever


@require_safe
def worklist(request: Request) -> HttpResponse:
    """What waits for a doctor. Asks again by itself until nobody has touched it for a while."""
    require(request.user, Permission.READ_ANALYSES)
    tab = request.GET.get("tab", "review")
    if tab not in TABS:
        raise NotFound("There is no such list.")
    poll = _poll_number(request)
    context = {
        "tabs": TABS,
        "tab": tab,
        "tells_findings": tab not in WITHOUT_FINDINGS,
        "page": worklist_rows(request.user, tab, page=request.GET.get("page")),
        "next_poll": poll + 1,
        "paused": poll >= LAST_POLL,
    }
    template = "analysis/_worklist.html" if request.htmx else "analysis/worklist.html"
    return render(request, template, context)


@require_safe
def system(request: Request) -> HttpResponse:
    """Whether analyses are made, and with what. Renews itself like the worklist."""
    state = system_state(request.user)
    poll = _poll_number(request)
    context = {
        "state": state,
        "chains": chain_states(request.user) if can(request.user, Permission.READ_AUDIT) else [],
        "next_poll": poll + 1,
        "paused": poll >= LAST_POLL,
    }
    template = "analysis/_system.html" if request.htmx else "analysis/system.html"
    return render(request, template, context)


@require_safe
def detail(request: Request, job_id: UUID) -> HttpResponse:
    job = selectors.job_visible_to(request.user, job_id)
    check_one_patient(job)
    if exam_id := exam_to_read_first(request.user, job):
        return redirect("analysis:reading", exam_id)
    return _page(request, job)


@require_safe
@shows_no_patient
def state(request: Request, job_id: UUID) -> HttpResponse:
    """The state alone, for a page that waits; at the end it has the page load itself again."""
    job = selectors.job_visible_to(request.user, job_id)
    in_row = "row" in request.GET  # of an upload: there the rest of the page stays
    context = _state_context(job, poll=_poll_number(request)) | {"in_row": in_row}
    response = render(request, "analysis/_state.html", context)
    if job.state in (JobState.DONE, JobState.FAILED) and not in_row:
        response["HX-Refresh"] = "true"
    return response


@require_safe
def of_mammogram(request: Request, mammogram_id: UUID) -> HttpResponse:
    """The state of the newest analysis of a picture, for the row of its upload."""
    mammogram = mammogram_visible_to(request.user, mammogram_id)
    require(request.user, Permission.READ_ANALYSES)
    job = selectors.latest_job_of(mammogram)
    if job is None:
        if not consent_state(mammogram.patient_id, ConsentPurpose.AI).allowed:
            return render(request, "analysis/_not_allowed.html")
        raise NotFound("There is no analysis of this picture.")
    context = _state_context(job, poll=0) | {"in_row": True}
    return render(request, "analysis/_state.html", context)


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


def _mark_form(request: Request, job: AnalysisJob, data: QueryDict | None = None) -> MarkForm:
    on_prior = selectors.marks_on(job.prior, user=request.user) if job.prior else []
    on_current = selectors.marks_on(job.current, user=request.user)
    return MarkForm(data, job=job, on_prior=on_prior, on_current=on_current)


@require_POST
def retry(request: Request, job_id: UUID) -> HttpResponse:
    """Queue the analysis of the same pictures again, under today's versions."""
    job = selectors.job_visible_to(request.user, job_id)
    again, _ = request_analysis(
        current=job.current, prior=job.prior, mark=job.mark, requested_by=request.user
    )
    return redirect("analysis:detail", again.pk)


@require_safe
def picture(request: Request, job_id: UUID, name: str) -> FileResponse:
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    comparison = recommendation.comparison if recommendation else None
    return stored_picture(picture_path(comparison, name), name=f"{job.pk}-{name}")


@require_safe
def correspondence(request: Request, job_id: UUID) -> FileResponse:
    """Where each place of the current picture lies on the prior, for the viewer."""
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    path = correspondence_path(recommendation.comparison if recommendation else None)
    return stored_picture(path, name=f"{job.pk}-correspondence")


@require_GET
def report(request: Request, job_id: UUID) -> FileResponse:
    """The report on paper; a draft until a decision is in force."""
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    if recommendation is None:
        raise NotFound("There is nothing to report yet.")
    made = issue_report(recommendation, issued_by=request.user)
    return pdf_response(made.content, name=made.name)


@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: Request, mammogram_id: UUID, lesion: int) -> HttpResponse:
    """Describe a mass of a picture, or describe it anew."""
    require(request.user, Permission.RECORD_FINDINGS)
    mammogram = mammogram_visible_to(request.user, mammogram_id)
    require_read(request.user, [mammogram])
    lesions = selectors.lesions_of(mammogram, user=request.user)
    before = next((each.current for each in lesions if each.number == lesion), None)
    if before is None and lesion != len(lesions) + 1:
        raise NotFound("There is no such lesion.")
    stored = {"supersedes": before.revision if before else 0}
    if before:
        stored |= {name: getattr(before, name) for name in DESCRIPTORS}
    form = FindingForm(request.POST or None, initial=stored)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                record_finding(
                    mammogram, lesion=lesion, **form.cleaned_data, recorded_by=request.user
                )
            except (Rejected, Conflict) as error:
                show_refusal(form, error)
                status = status_of(error)
            else:
                messages.success(request, _("The finding is on record."))
                job = selectors.latest_job_of(mammogram)
                if job is None:
                    return redirect("patients:detail", mammogram.patient_id)
                return redirect(f"{reverse('analysis:detail', args=[job.pk])}#findings")
    context = {
        "patient": mammogram.patient,
        "banner": banner(mammogram.patient, today=timezone.localdate()),
        "mammogram": mammogram,
        "job": selectors.latest_job_of(mammogram),
        "lesion": lesion,
        "before": before,
        "age": age_on(mammogram.patient.born, mammogram.exam_date),
        "form": form,
    }
    return render(request, "analysis/describe.html", context, status=status)


@require_safe
def reference_picture(request: Request, name: str) -> FileResponse:
    """A picture of the shipped reference set: of nobody who is treated here."""
    require(request.user, Permission.READ_ANALYSES)
    path = reference_picture_path(name)
    return picture_response(path.read_bytes(), name=path.name)


FIELD_OF_REFUSAL = {"reason_required": "reason", "reauth_required": "password"}


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
            show_refusal(form, error, field=FIELD_OF_REFUSAL.get(error.problem_code))
            status = status_of(error)
        else:
            messages.success(request, _("Your signature is on record."))
            return redirect("analysis:detail", job.pk)
    return _page(request, job, form, status=status)


@require_safe
def heat_map(request: Request, job_id: UUID, which: str) -> FileResponse:
    """Where the model saw evidence for suspicion, to lie over the current or prior picture."""
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    prediction = None
    if recommendation and which in {"current", "prior"}:
        prediction = getattr(recommendation, f"{which}_prediction")
    path = heat_map_path(prediction)
    return stored_picture(path, name=f"{job.pk}-{which}-heat-map")


def _page(
    request: Request,
    job: AnalysisJob,
    form: SignatureForm | None = None,
    *,
    mark_form: MarkForm | None = None,
    status: int = 200,
) -> HttpResponse:
    recommendation = selectors.recommendation_of(job, user=request.user)
    lesions = selectors.lesions_of(job.current, user=request.user)
    mark_form = mark_form or _mark_form(request, job)
    drawn = canvases(
        job,
        recommendation.comparison if recommendation else None,
        on_prior=mark_form.on_prior,
        on_current=mark_form.on_current,
    )
    prior_finding, current_finding = _picture_findings(recommendation)
    analyses = list(selectors.analyses_of(job.current))
    context = {
        "job": job,
        "patient": job.patient,
        "banner": banner(job.patient, today=timezone.localdate()),
        "interval": interval_between(job.prior, job.current),
        "moments": moments(job),
        "newer_job": _newer(job, analyses),
        "analyses": analyses,
        "mark_form": mark_form,
        "prior_canvas": drawn[0],
        "prior_finding": prior_finding,
        "current_finding": current_finding,
        "stage": stage_of(job, recommendation, drawn, (prior_finding, current_finding)),
        "lesions": described_masses(lesions),
        "next_lesion": len(lesions) + 1,
        "similar": similar(selectors.similar_cases_of(job.current, user=request.user)),
        **_state_context(job, poll=0),
    }
    if recommendation:
        context |= _findings(recommendation, reader=request.user)
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


def _findings(recommendation: Recommendation, *, reader: User) -> dict[str, object]:
    comparison = recommendation.comparison
    pictures = kept_pictures(comparison)
    return {
        "recommendation": recommendation,
        "proposal_icon": proposal_icon(recommendation),
        "breast_finding": breast_finding(selectors.breast_of(recommendation.current_prediction)),
        "change": change(comparison),
        "lesion": lesion_block(
            recommendation.job,
            comparison,
            lesions=selectors.followed_lesions_of(recommendation.patient, user=reader),
        ),
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


def _state_context(job: AnalysisJob, *, poll: int) -> dict[str, object]:
    is_open = job.state in (JobState.QUEUED, JobState.RUNNING)
    return {
        "job": job,
        "error": in_words(job.error_code) if job.error_code else "",
        "next_poll": poll + 1,
        "pause_s": _pause_s(poll),
        "waits": is_open and poll < LAST_POLL,
        "paused": is_open and poll >= LAST_POLL,
    }


def _pause_s(poll: int) -> int:
    """Ask often at first, then seldom."""
    return 2 if poll < 15 else 5 if poll < 30 else 10


def _poll_number(request: Request) -> int:
    sent = request.GET.get("poll", "")
    return int(sent) if sent.isdecimal() and len(sent) < 5 else 0
