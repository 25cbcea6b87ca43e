"""Pages and parts that ask again by themselves while somebody waits: worklist, system, state."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analysis import selectors
from analysis.choices import JobState
from analysis.models import AnalysisJob
from analysis.presenters.words import in_words
from analysis.services.samples import samples_for
from analysis.system import system_state
from analysis.worklist import OF_SIGNATURES, TABS, WITHOUT_FINDINGS, worklist_rows
from mammotrack.accounts.policy import Permission, can, require
from mammotrack.audit.standing import chain_states
from mammotrack.audit.trace import shows_no_patient
from mammotrack.errors import NotFound
from mammotrack.web import Request
from patients.choices import ConsentPurpose
from patients.consents import consent_state
from scans.selectors import mammogram_visible_to

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
        "tells_signatures": tab in OF_SIGNATURES,
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
        "samples": samples_for(request.user),
        "chains": chain_states(request.user) if can(request.user, Permission.READ_AUDIT) else [],
        "next_poll": poll + 1,
        "paused": poll >= LAST_POLL,
    }
    template = "analysis/_system.html" if request.htmx else "analysis/system.html"
    return render(request, template, context)


@require_safe
@shows_no_patient
def state(request: Request, job_id: UUID) -> HttpResponse:
    """The state alone, for a page that waits; at the end it has the page load itself again."""
    job = selectors.job_visible_to(request.user, job_id)
    in_row = "row" in request.GET  # of an upload: there the rest of the page stays
    context = state_context(job, poll=_poll_number(request)) | {"in_row": in_row}
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
    context = state_context(job, poll=0) | {"in_row": True}
    return render(request, "analysis/_state.html", context)


def state_context(job: AnalysisJob, *, poll: int) -> dict[str, object]:
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
