"""Reads of jobs, proposals and decisions, always for a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from analysis.choices import OWN_CASES, JobState, RecommendationStatus
from analysis.guideline import NOTHING_TO_COMPARE
from analysis.lesions import FollowedLesion, followed_lesions, standing
from analysis.models import (
    AnalysisJob,
    BreastPrediction,
    Comparison,
    Decision,
    Finding,
    LesionMark,
    Prediction,
    Recommendation,
    SimilarCases,
)
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can, require
from mammotrack.errors import NotFound
from patients import selectors as patients
from patients.consents import patients_with_research_consent
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from scans import selectors as scans
from scans.models import Mammogram

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
    return AnalysisJob.objects.filter(clinic_id__in=user.clinic_ids)


def predictions_visible_to(user: User) -> QuerySet[Prediction]:
    if not can(user, Permission.READ_ANALYSES):
        return Prediction.objects.none()
    return Prediction.objects.filter(clinic_id__in=user.clinic_ids).defer("features")


def comparisons_visible_to(user: User) -> QuerySet[Comparison]:
    if not can(user, Permission.READ_ANALYSES):
        return Comparison.objects.none()
    return Comparison.objects.filter(clinic_id__in=user.clinic_ids)


def recommendations_visible_to(user: User) -> QuerySet[Recommendation]:
    if not can(user, Permission.READ_ANALYSES):
        return Recommendation.objects.none()
    return Recommendation.objects.filter(clinic_id__in=user.clinic_ids)


def decisions_visible_to(user: User) -> QuerySet[Decision]:
    if not can(user, Permission.READ_ANALYSES):
        return Decision.objects.none()
    return Decision.objects.filter(clinic_id__in=user.clinic_ids)


def findings_visible_to(user: User) -> QuerySet[Finding]:
    if not can(user, Permission.READ_ANALYSES):
        return Finding.objects.none()
    return Finding.objects.filter(clinic_id__in=user.clinic_ids).select_related("recorded_by")


def similar_cases_visible_to(user: User) -> QuerySet[SimilarCases]:
    if not can(user, Permission.READ_ANALYSES):
        return SimilarCases.objects.none()
    return SimilarCases.objects.filter(clinic_id__in=user.clinic_ids)


def marks_visible_to(user: User) -> QuerySet[LesionMark]:
    if not can(user, Permission.READ_ANALYSES):
        return LesionMark.objects.none()
    return LesionMark.objects.filter(clinic_id__in=user.clinic_ids)


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
        raise NotFound("There is no such recommendation.")
    return recommendation


def readings_of_exam(user: User, exam_id: UUID) -> list[tuple[str, Prediction]]:
    """Laterality and newest prediction of each picture of the exam, or ``NotFound``."""
    require(user, Permission.READ_ANALYSES)
    sides = dict(
        scans.mammograms_visible_to(user).filter(exam_id=exam_id).values_list("pk", "laterality")
    )
    if not sides:
        raise NotFound("There is no such exam.")
    found = predictions_visible_to(user).filter(mammogram_id__in=list(sides))
    newest = {prediction.mammogram_id: prediction for prediction in found.order_by("created_at")}
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
        .order_by("-created_at", "pk")
        .first()
    )


def breasts_of_exam(exam_id: UUID) -> list[BreastPrediction]:
    """For each breast what was last said of all its pictures together, left first."""
    found = BreastPrediction.objects.filter(exam_id=exam_id).order_by("laterality", "created_at")
    return list({each.laterality: each for each in found}.values())


def recommendation_of(job: AnalysisJob) -> Recommendation | None:
    return Recommendation.objects.select_related(*EVIDENCE).filter(job=job).first()


def decisions_on(recommendation: Recommendation) -> list[Decision]:
    """Every version of the decision with its signatures, the one that holds first."""
    return list(
        Decision.objects.filter(recommendation=recommendation)
        .select_related("signed_by", "countersignature", "countersignature__signed_by")
        .order_by("-version")
    )


def jobs_of(patient: Patient) -> QuerySet[AnalysisJob]:
    """With what came out of each."""
    return (
        AnalysisJob.objects.filter(patient=patient)
        .select_related(
            "recommendation", "recommendation__current_prediction", "recommendation__comparison"
        )
        .order_by("-created_at", "pk")
    )


def decisions_of(patient: Patient) -> QuerySet[Decision]:
    return (
        Decision.objects.filter(patient=patient)
        .select_related("signed_by")
        .order_by("-signed_at", "pk")
    )


def latest_job_of(mammogram: Mammogram) -> AnalysisJob | None:
    """The newest analysis in which this is the current picture."""
    return (
        AnalysisJob.objects.filter(current=mammogram)
        .select_related("current", "prior")
        .order_by("-created_at", "pk")
        .first()
    )


def analyses_of(mammogram: Mammogram) -> QuerySet[AnalysisJob]:
    """All analyses in which this is the current picture, newest first."""
    return (
        AnalysisJob.objects.filter(current=mammogram)
        .select_related("prior", "mark", "mark__marked_by")
        .order_by("-created_at", "pk")
    )


def newest_job_of_pair(*, prior: Mammogram, current: Mammogram) -> AnalysisJob | None:
    """The newest analysis of these two pictures, at whatever mark."""
    return (
        AnalysisJob.objects.filter(prior=prior, current=current)
        .order_by("-created_at", "pk")
        .first()
    )


def newest_job_at(mark: LesionMark, *, current: Mammogram) -> AnalysisJob | None:
    """The newest analysis of a picture at this mark."""
    return (
        AnalysisJob.objects.filter(mark=mark, current=current).order_by("-created_at", "pk").first()
    )


def marks_on(mammogram: Mammogram) -> list[LesionMark]:
    """The marks that hold on this picture, in the order the lesions were marked first."""
    rows = LesionMark.objects.filter(mammogram=mammogram).select_related("marked_by")
    return standing(rows.order_by("created_at", "pk"))


def marks_of(patient: Patient) -> QuerySet[LesionMark]:
    return (
        LesionMark.objects.filter(patient=patient)
        .select_related("mammogram", "marked_by")
        .order_by("created_at", "pk")
    )


def marks_followed_to(mammogram: Mammogram) -> list[LesionMark]:
    """The marks that hold on earlier pictures of the same breast and view."""
    return [
        mark
        for mark in standing(marks_of(mammogram.patient))
        if mark.mammogram.position == mammogram.position
        and mark.mammogram.exam_date < mammogram.exam_date
    ]


def comparisons_at_marks(patient: Patient) -> QuerySet[Comparison]:
    return (
        Comparison.objects.filter(patient=patient)
        .exclude(mark_key="")
        .select_related("current")
        .order_by("created_at", "pk")
    )


def comparisons_at(mark: LesionMark) -> QuerySet[Comparison]:
    return (
        Comparison.objects.filter(mark=mark).select_related("current").order_by("created_at", "pk")
    )


def recommendations_to_review(user: User) -> QuerySet[Recommendation]:
    """Proposals that lack a signature, newest first.

    A first picture that nothing is wrong with has nothing to be compared with: no case to review.
    """
    return (
        recommendations_visible_to(user)
        .filter(status__in=(RecommendationStatus.PROPOSED, RecommendationStatus.AWAITING_SECOND))
        .exclude(prior=None, deciding_rule=NOTHING_TO_COMPARE)
        .select_related("patient", "current", "current_prediction", "comparison")
        .order_by("-created_at", "pk")
    )


def jobs_in_state(user: User, *states: JobState) -> QuerySet[AnalysisJob]:
    return (
        jobs_visible_to(user)
        .filter(state__in=states)
        .select_related("patient", "current", "prior")
        .order_by("-created_at", "pk")
    )


def jobs_asked_for_by(user: User) -> QuerySet[AnalysisJob]:
    """The analyses this user caused, by an upload, a mark or a retry, with what became of them."""
    return (
        jobs_visible_to(user)
        .filter(requested_by=user)
        .select_related(
            "patient",
            "current",
            "recommendation",
            "recommendation__patient",
            "recommendation__current",
            "recommendation__current_prediction",
            "recommendation__comparison",
        )
        .order_by("-created_at", "pk")
    )


def signed_decisions(user: User) -> QuerySet[Decision]:
    return (
        decisions_visible_to(user)
        .select_related(
            "patient",
            "signed_by",
            "recommendation",
            "recommendation__current",
            "recommendation__current_prediction",
            "recommendation__comparison",
        )
        .order_by("-signed_at", "pk")
    )


def followed_lesions_of(patient: Patient) -> list[FollowedLesion]:
    marks = list(marks_of(patient))
    return followed_lesions(marks, comparisons_at_marks(patient)) if marks else []


@dataclass(frozen=True)
class Lesion:
    """One mass in one mammogram: what is said of it now, and what was said before."""

    number: int
    current: Finding
    superseded: Sequence[Finding]


def lesions_of(mammogram: Mammogram) -> list[Lesion]:
    """Described masses by number; earlier revisions newest first."""
    found = (
        Finding.objects.filter(mammogram=mammogram)
        .select_related("recorded_by")
        .order_by("lesion", "-revision")
    )
    lesions = []
    for number, revisions in groupby(found, key=lambda finding: finding.lesion):
        current, *superseded = revisions
        lesions.append(Lesion(number, current, superseded))
    return lesions


def similar_cases_of(mammogram: Mammogram) -> SimilarCases | None:
    """The newest search for pictures like this one."""
    return SimilarCases.objects.filter(mammogram=mammogram).order_by("-created_at", "pk").first()


def shown_cases(found: SimilarCases) -> list[dict[str, Any]]:
    """What was found, less the clinic's own cases whose patients have changed their mind since.

    Nor is a case shown that has turned out to be of the same woman, by a merge of two records.
    """
    own = [case["case"] for case in found.cases if case["dataset"] == OWN_CASES]
    if not own:
        return found.cases
    willing = patients_with_research_consent([found.clinic_id]) - {found.patient_id}
    still = Mammogram.objects.filter(pk__in=own, patient_id__in=willing)
    shown = {str(pk) for pk in still.values_list("pk", flat=True)}
    return [each for each in found.cases if each["dataset"] != OWN_CASES or each["case"] in shown]


@dataclass(frozen=True)
class PatientRecord:
    """All rows of one patient that one user may see."""

    patient: Patient
    courses: Sequence[TherapyCourse]
    cycles: Sequence[TherapyCycle]
    pathology: Sequence[PathologyReport]
    mammograms: Sequence[Mammogram]
    jobs: Sequence[AnalysisJob]
    recommendations: Sequence[Recommendation]
    decisions: Sequence[Decision]
    lesions: Sequence[FollowedLesion]
    analysis_allowed: bool = True  # by the patient


def record_of(patient: Patient, *, user: User, treatment: patients.Treatment) -> PatientRecord:
    """The patient's course, as far as the user's role reaches."""
    sees_analyses = can(user, Permission.READ_ANALYSES)
    jobs = list(jobs_of(patient)) if sees_analyses else []
    found = [job.recommendation for job in jobs if hasattr(job, "recommendation")]
    return PatientRecord(
        patient=patient,
        courses=treatment.courses,
        cycles=treatment.cycles,
        pathology=treatment.pathology,
        mammograms=list(scans.mammograms_of(patient)) if can(user, Permission.READ_SCANS) else [],
        jobs=jobs,
        recommendations=sorted(found, key=attrgetter("created_at"), reverse=True),
        decisions=list(decisions_of(patient)) if sees_analyses else [],
        analysis_allowed=treatment.analysis_allowed,
        lesions=followed_lesions_of(patient) if sees_analyses else [],
    )
