"""What came out of the analyses of a picture, a pair or an exam."""

from uuid import UUID

from django.db.models import QuerySet

from analysis.blinding import require_read
from analysis.models import (
    AnalysisJob,
    BreastPrediction,
    Decision,
    LesionMark,
    Prediction,
    Recommendation,
)
from analysis.selectors.visible import jobs_visible_to, predictions_visible_to
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import NotFound
from scans import selectors as scans
from scans.models import Exam, Mammogram


def readings_of_exam(user: User, exam_id: UUID) -> list[tuple[str, Prediction]]:
    """Laterality and newest prediction of each picture of the exam, or ``NotFound``."""
    require(user, Permission.READ_ANALYSES)
    pictures = scans.mammograms_visible_to(user).filter(exam_id=exam_id)
    sides = dict(pictures.values_list("pk", "laterality"))
    if not sides:
        raise NotFound("There is no such exam.")
    require_read(user, pictures)
    found = predictions_visible_to(user).filter(mammogram_id__in=list(sides))
    newest = {
        prediction.mammogram_id: prediction for prediction in found.order_by("created_at", "pk")
    }
    return [(sides[mammogram_id], prediction) for mammogram_id, prediction in newest.items()]


def breast_of(prediction: Prediction) -> BreastPrediction | None:
    """What the same model version last said of this picture's breast as a whole."""
    mammogram = prediction.mammogram
    return (
        BreastPrediction.objects.filter(
            exam_id=mammogram.exam_id,
            laterality=mammogram.laterality,
            model_version=prediction.model_version,
            preparation_version=prediction.preparation_version,
        )
        .order_by("-created_at", "-pk")
        .first()
    )


def breasts_of_exam(exam_id: UUID) -> list[BreastPrediction]:
    """For each breast what was last said of all its pictures together, left first."""
    found = BreastPrediction.objects.filter(exam_id=exam_id).order_by(
        "laterality", "created_at", "pk"
    )
    return list({each.laterality: each for each in found}.values())


def decisions_on(recommendation: Recommendation) -> list[Decision]:
    """Every version of the decision with its signatures, the one that holds first."""
    return list(
        Decision.objects.filter(recommendation=recommendation)
        .select_related("signed_by", "countersignature", "countersignature__signed_by")
        .order_by("-version")
    )


def latest_job_of(mammogram: Mammogram) -> AnalysisJob | None:
    """The newest analysis in which this is the current picture."""
    return (
        AnalysisJob.objects.filter(current=mammogram)
        .select_related("current", "prior")
        .order_by("-created_at", "-pk")
        .first()
    )


def analyses_of(mammogram: Mammogram) -> QuerySet[AnalysisJob]:
    """All analyses in which this is the current picture, newest first."""
    return (
        AnalysisJob.objects.filter(current=mammogram)
        .select_related("prior", "mark", "mark__marked_by")
        .order_by("-created_at", "-pk")
    )


def newest_job_of_pair(*, prior: Mammogram, current: Mammogram) -> AnalysisJob | None:
    """The newest analysis of these two pictures, at whatever mark."""
    return (
        AnalysisJob.objects.filter(prior=prior, current=current)
        .order_by("-created_at", "-pk")
        .first()
    )


def newest_job_at(mark: LesionMark, *, current: Mammogram) -> AnalysisJob | None:
    """The newest analysis of a picture at this mark."""
    return (
        AnalysisJob.objects.filter(mark=mark, current=current)
        .order_by("-created_at", "-pk")
        .first()
    )


def jobs_of_exam(user: User, exam: Exam) -> list[AnalysisJob]:
    """The newest analysis of each of its pictures."""
    pictures = list(scans.mammograms_of_exam(exam).values_list("pk", flat=True))
    jobs = jobs_visible_to(user).filter(current_id__in=pictures).select_related("current", "prior")
    return list({job.current_id: job for job in jobs.order_by("created_at", "pk")}.values())
