"""Which rows of this app a user may see at all."""

from uuid import UUID

from django.db.models import QuerySet

from analysis.blinding import READ_FIRST, ReadingDue, open_to, readings_open_to
from analysis.models import (
    AnalysisJob,
    Arbitration,
    Comparison,
    Decision,
    Finding,
    LesionMark,
    Prediction,
    Reading,
    Recommendation,
    SimilarCases,
)
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can, in_scope, require
from mammotrack.errors import NotFound

EVIDENCE = (
    "job",
    "job__mark",
    "job__mark__marked_by",
    "patient",
    "current",
    "prior",
    "current_prediction",
    "prior_prediction",
    "comparison",
    "superseded_by",
)


def jobs_visible_to(user: User) -> QuerySet[AnalysisJob]:
    if not can(user, Permission.READ_ANALYSES):
        return AnalysisJob.objects.none()
    return AnalysisJob.objects.filter(in_scope(user))


def predictions_visible_to(user: User) -> QuerySet[Prediction]:
    if not can(user, Permission.READ_ANALYSES):
        return Prediction.objects.none()
    found = Prediction.objects.filter(in_scope(user), open_to(user, "mammogram"))
    return found.defer("features")


def comparisons_visible_to(user: User) -> QuerySet[Comparison]:
    if not can(user, Permission.READ_ANALYSES):
        return Comparison.objects.none()
    return Comparison.objects.filter(in_scope(user), open_to(user, "current", "prior"))


def recommendations_visible_to(user: User) -> QuerySet[Recommendation]:
    return _recommendations_in_scope(user).filter(open_to(user, "current", "prior"))


def _recommendations_in_scope(user: User) -> QuerySet[Recommendation]:
    if not can(user, Permission.READ_ANALYSES):
        return Recommendation.objects.none()
    return Recommendation.objects.filter(in_scope(user))


def decisions_visible_to(user: User) -> QuerySet[Decision]:
    if not can(user, Permission.READ_ANALYSES):
        return Decision.objects.none()
    return Decision.objects.filter(
        in_scope(user), open_to(user, "current", "prior", through="recommendation__")
    )


def findings_visible_to(user: User) -> QuerySet[Finding]:
    if not can(user, Permission.READ_ANALYSES):
        return Finding.objects.none()
    found = Finding.objects.filter(in_scope(user), open_to(user, "mammogram"))
    return found.select_related("recorded_by")


def similar_cases_visible_to(user: User) -> QuerySet[SimilarCases]:
    if not can(user, Permission.READ_ANALYSES):
        return SimilarCases.objects.none()
    return SimilarCases.objects.filter(in_scope(user), open_to(user, "mammogram"))


def marks_visible_to(user: User) -> QuerySet[LesionMark]:
    if not can(user, Permission.READ_ANALYSES):
        return LesionMark.objects.none()
    return LesionMark.objects.filter(in_scope(user), open_to(user, "mammogram"))


def readings_visible_to(user: User) -> QuerySet[Reading]:
    """Before an own reading of a breast, none of another doctor's."""
    if not can(user, Permission.RECORD_READINGS):
        return Reading.objects.none()
    found = Reading.objects.filter(in_scope(user), readings_open_to(user))
    return found.select_related("reader")


def arbitrations_visible_to(user: User) -> QuerySet[Arbitration]:
    if not can(user, Permission.RECORD_READINGS):
        return Arbitration.objects.none()
    found = Arbitration.objects.filter(in_scope(user), readings_open_to(user))
    return found.select_related("arbiter")


def mark_visible_to(user: User, mark_id: UUID) -> LesionMark:
    """The mark, or ``NotFound``."""
    require(user, Permission.READ_ANALYSES)
    mark = marks_visible_to(user).filter(pk=mark_id).first()
    if mark is None:
        raise NotFound("There is no such mark.")
    return mark


def job_visible_to(user: User, job_id: UUID) -> AnalysisJob:
    """The job with both mammograms, or ``NotFound``."""
    require(user, Permission.READ_ANALYSES)
    job = (
        jobs_visible_to(user)
        .select_related("current", "prior", "patient", "requested_by", "mark", "mark__marked_by")
        .filter(pk=job_id)
        .first()
    )
    if job is None:
        raise NotFound("There is no such analysis.")
    return job


def recommendation_visible_to(user: User, recommendation_id: UUID) -> Recommendation:
    """The recommendation with its evidence, or ``NotFound``."""
    require(user, Permission.READ_ANALYSES)
    recommendation = (
        recommendations_visible_to(user)
        .select_related(*EVIDENCE)
        .filter(pk=recommendation_id)
        .first()
    )
    if recommendation is None:
        if _recommendations_in_scope(user).filter(pk=recommendation_id).exists():
            raise ReadingDue(READ_FIRST)
        raise NotFound("There is no such recommendation.")
    return recommendation


def recommendation_of(job: AnalysisJob, *, user: User) -> Recommendation | None:
    """What came out of it. Raises ``ReadingDue`` while the user has to read the pictures first."""
    found = _recommendations_in_scope(user).filter(job=job).values_list("pk", flat=True).first()
    return recommendation_visible_to(user, found) if found else None
