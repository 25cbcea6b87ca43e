"""The rows of the worklist, alike for proposals, jobs and decisions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from analysis import selectors
from analysis.choices import JobState, RecommendationStatus
from analysis.guideline import NEW_LESION
from analysis.models import AnalysisJob, Decision, Recommendation
from analysis.presenters import VERDICTS, in_words, proposal_label
from mammotrack.accounts.models import User
from mammotrack.web import Page, page_of
from patients.models import Patient
from scans.models import Mammogram

TABS = {
    "review": "To review",
    "progress": "In progress",
    "failed": "Failed",
    "signed": "Signed",
}


@dataclass(frozen=True)
class WorklistRow:
    """One line; ``outcome`` is the proposal, the state, the error or the decision."""

    job_id: UUID
    patient: Patient
    current: Mammogram
    outcome: str
    at: datetime
    category: str = ""
    change: str = ""
    signed_by: str = ""
    second_due: bool = False


def _to_review(recommendation: Recommendation) -> WorklistRow:
    prediction = recommendation.current_prediction
    return WorklistRow(
        job_id=recommendation.job_id,
        patient=recommendation.patient,
        current=recommendation.current,
        outcome=proposal_label(recommendation.proposal),
        at=recommendation.created_at,
        second_due=recommendation.status == RecommendationStatus.AWAITING_SECOND,
        category="" if prediction.abstained else prediction.category,
        change=_change(recommendation),
    )


def _change(recommendation: Recommendation) -> str:
    comparison = recommendation.comparison
    if comparison is None:
        return "No prior"
    if recommendation.deciding_rule == NEW_LESION:
        return "New lesion marked"
    verdict = VERDICTS.get(comparison.verdict, comparison.verdict)
    return f"{verdict}, marked lesion" if comparison.mark_id else verdict


def _under_way(job: AnalysisJob) -> WorklistRow:
    return WorklistRow(job.pk, job.patient, job.current, job.get_state_display(), job.created_at)


def _failed(job: AnalysisJob) -> WorklistRow:
    return WorklistRow(
        job.pk,
        job.patient,
        job.current,
        in_words(job.error_code),
        job.finished_at or job.created_at,
    )


def _signed(decision: Decision) -> WorklistRow:
    recommendation = decision.recommendation
    return WorklistRow(
        job_id=recommendation.job_id,
        patient=decision.patient,
        current=recommendation.current,
        outcome=proposal_label(decision.choice),
        at=decision.signed_at,
        signed_by=decision.signed_by.full_name,
    )


def _in_progress(user: User) -> QuerySet[AnalysisJob]:
    return selectors.jobs_in_state(user, JobState.QUEUED, JobState.RUNNING)


def _failures(user: User) -> QuerySet[AnalysisJob]:
    return selectors.jobs_in_state(user, JobState.FAILED)


Source = tuple[Callable[[User], QuerySet[Any]], Callable[[Any], WorklistRow]]

SOURCES: dict[str, Source] = {
    "review": (selectors.recommendations_to_review, _to_review),
    "progress": (_in_progress, _under_way),
    "failed": (_failures, _failed),
    "signed": (selectors.signed_decisions, _signed),
}


def worklist_rows(user: User, tab: str, *, page: str | None) -> Page:
    """One page of the tab, newest first."""
    rows_for, as_row = SOURCES[tab]
    found = page_of(rows_for(user), page)
    return replace(found, rows=[as_row(row) for row in found.rows])
