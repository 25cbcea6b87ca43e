"""The rows of the worklist, alike for proposals, jobs and decisions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from analysis import selectors
from analysis.choices import JobState, RecommendationStatus
from analysis.guideline import NEW_LESION, NOTHING_TO_COMPARE
from analysis.models import AnalysisJob, Decision, Recommendation
from analysis.presenters.classification import PROVEN, category_of
from analysis.presenters.proposals import proposal_in_words
from analysis.presenters.words import in_words, proposal_label, verdict_label
from mammotrack.accounts.models import User
from mammotrack.models import now
from mammotrack.web import Page, page_of
from patients.models import Patient
from scans.models import Mammogram

OVERDUE = timedelta(days=7)

TABS = {
    "review": gettext_lazy("To review"),
    "overdue": gettext_lazy("Unsigned over 7 days"),
    "mine": gettext_lazy("Mine"),
    "progress": gettext_lazy("In progress"),
    "failed": gettext_lazy("Analysis failed"),
    "today": gettext_lazy("Signed today"),
    "signed": pgettext_lazy("decisions", "Signed"),
}
ROWS = 25  # a page; each is five records
SHOWN = (  # of a proposal and what it is about; the rest is most of each record
    "clinic",
    "job",
    "status",
    "proposal",
    "deciding_rule",
    "record",
    "signature_count",
    "created_at",
    "patient__clinic",
    "patient__archived_at",
    "patient__family_name",
    "patient__given_name",
    "patient__medical_record_number",
    "current__exam_date",
    "current__laterality",
    "current__view",
    "current__origin",
    "current_prediction__assessable",
    "current_prediction__abstained",
    "current_prediction__category",
    "comparison__verdict",
    "comparison__mark",
)
WITHOUT_FINDINGS = {"progress", "failed"}  # nothing is found yet, or nothing was
OF_SIGNATURES = {"today", "signed"}


@dataclass(frozen=True)
class WorklistRow:
    """One line; ``outcome`` is the proposal, the error or the decision.

    ``category_note`` says where the BI-RADS category is from, or why there is none.
    """

    job_id: UUID
    patient: Patient
    current: Mammogram
    outcome: str
    state: str
    at: datetime
    category: str = ""
    category_note: str = ""
    change: str = ""
    second_due: bool = False

    @property
    def age(self) -> str:
        return age_in_words(now() - self.at)


def age_in_words(age: timedelta) -> str:
    """How long something waits: minutes, hours, then days."""
    minutes = max(int(age.total_seconds()) // 60, 0)
    if minutes < 60:
        return _("%(count)d min") % {"count": minutes}
    if minutes < 48 * 60:
        return _("%(count)d h") % {"count": minutes // 60}
    return ngettext("%(count)d day", "%(count)d days", age.days) % {"count": age.days}


def _to_review(recommendation: Recommendation) -> WorklistRow:
    due = recommendation.status == RecommendationStatus.AWAITING_SECOND
    category, note = _category(recommendation)
    return WorklistRow(
        job_id=recommendation.job_id,
        patient=recommendation.patient,
        current=recommendation.current,
        outcome=proposal_in_words(recommendation),
        state=_("Second signature due") if due else _("To sign"),
        at=recommendation.created_at,
        second_due=due,
        category=category,
        category_note=note,
        change=_change(recommendation),
    )


def _category(recommendation: Recommendation) -> tuple[str, str]:
    """With its note, as the page of the analysis tells it: a cancer on record is 6."""
    proven = recommendation.record.get("malignancy_proven", False)
    prediction = recommendation.current_prediction
    if prediction is None or not prediction.assessable:
        return "", _("not assessable")
    category = category_of(prediction, malignancy_proven=proven)
    if not category:
        return "", _("abstains")
    by_record = proven and category == PROVEN
    return category, _("by the record") if by_record else ""


def _change(recommendation: Recommendation) -> str:
    comparison = recommendation.comparison
    if comparison is None:
        return _("No prior")
    if recommendation.deciding_rule == NEW_LESION:
        return _("New lesion marked")
    verdict = verdict_label(comparison.verdict)
    return _("%(verdict)s, marked lesion") % {"verdict": verdict} if comparison.mark_id else verdict


def _job(job: AnalysisJob) -> WorklistRow:
    return WorklistRow(
        job_id=job.pk,
        patient=job.patient,
        current=job.current,
        outcome=in_words(job.error_code) if job.state == JobState.FAILED else "",
        state=job.get_state_display(),
        at=job.finished_at or job.created_at,
    )


def _asked_for(job: AnalysisJob) -> WorklistRow:
    recommendation = getattr(job, "recommendation", None)
    if recommendation is None:
        return _job(job)
    row = _to_review(recommendation)
    if recommendation.status == RecommendationStatus.SUPERSEDED:
        return replace(row, state=_("Superseded"))
    if recommendation.signature_count and not row.second_due:
        return replace(row, state=_("Signed"))
    if recommendation.prior_id is None and recommendation.deciding_rule == NOTHING_TO_COMPARE:
        return replace(row, state=_("No proposal to sign"))
    return row


def _signed(decision: Decision) -> WorklistRow:
    recommendation = decision.recommendation
    category, note = _category(recommendation)
    return WorklistRow(
        job_id=recommendation.job_id,
        patient=decision.patient,
        current=recommendation.current,
        outcome=proposal_label(decision.choice),
        state=decision.signed_by.full_name,
        at=decision.signed_at,
        category=category,
        category_note=note,
        change=_change(recommendation),
    )


def _waiting(user: User) -> QuerySet[Recommendation]:
    return selectors.recommendations_to_review(user).only("patient", *SHOWN)


def _overdue(user: User) -> QuerySet[Recommendation]:
    long_ago = now() - OVERDUE
    waiting = _waiting(user).filter(created_at__lt=long_ago)
    return waiting.order_by("created_at", "pk")


def _in_progress(user: User) -> QuerySet[AnalysisJob]:
    return selectors.jobs_in_state(user, JobState.QUEUED, JobState.RUNNING)


def _failures(user: User) -> QuerySet[AnalysisJob]:
    return selectors.jobs_in_state(user, JobState.FAILED)


def _decided(user: User) -> QuerySet[Decision]:
    of_proposal = (f"recommendation__{name}" for name in SHOWN if not name.startswith("patient"))
    of_patient = (name for name in SHOWN if name.startswith("patient"))
    return selectors.signed_decisions(user).only(
        "clinic", "choice", "signed_at", "signed_by__full_name", *of_patient, *of_proposal
    )


def _signed_today(user: User) -> QuerySet[Decision]:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return _decided(user).filter(signed_at__gte=midnight)


Source = tuple[Callable[[User], QuerySet[Any]], Callable[[Any], WorklistRow]]

SOURCES: dict[str, Source] = {
    "review": (_waiting, _to_review),
    "overdue": (_overdue, _to_review),
    "mine": (selectors.jobs_asked_for_by, _asked_for),
    "progress": (_in_progress, _job),
    "failed": (_failures, _job),
    "today": (_signed_today, _signed),
    "signed": (_decided, _signed),
}


def worklist_rows(user: User, tab: str, *, page: str | None) -> Page:
    """One page of the tab: what waits longest first where it is overdue, else newest first.

    Nothing is to be done in an archived record: only what was signed in it is listed. That is
    sorted out here, so such a page is shorter: as a filter it would join every waiting row.
    """
    rows_for, as_row = SOURCES[tab]
    found = page_of(rows_for(user), page, size=ROWS)
    shown = [row for row in found.rows if tab in OF_SIGNATURES or row.patient.archived_at is None]
    return replace(found, rows=[as_row(row) for row in shown])
