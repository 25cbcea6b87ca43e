"""Reads of jobs, proposals and decisions, always for a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from analysis.blinding import (
    READ_FIRST,
    ReadingDue,
    open_to,
    readings_open_to,
    reads_blind,
    require_read,
)
from analysis.choices import OWN_CASES, JobState, RecommendationStatus
from analysis.guideline import NOTHING_TO_COMPARE
from analysis.lesions import FollowedLesion, followed_lesions, standing
from analysis.models import (
    AnalysisJob,
    Arbitration,
    BreastPrediction,
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
from patients import selectors as patients
from patients.consents import patients_with_research_consent
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from scans import selectors as scans
from scans.models import Exam, Mammogram, Position

MOST_TO_SETTLE = 2000  # of the newest readings, looked through for two that differ

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


def exams_to_read(user: User) -> QuerySet[Exam]:
    """What the user has not read yet, of the clinics that read blind, newest first."""
    if not reads_blind(user):
        return Exam.objects.none()
    due = Q()
    for clinic_id, since in user.blind_clinics.items():
        due |= Q(clinic_id=clinic_id, created_at__gte=since)
    read = Reading.objects.filter(reader=user, clinic_id__in=list(user.blind_clinics))
    return (
        scans.exams_visible_to(user)
        .filter(due)
        .exclude(pk__in=list(read.values_list("exam_id", flat=True)))
        .select_related("patient")
        .order_by("-created_at", "-pk")
    )


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


def readings_of_exam(user: User, exam_id: UUID) -> list[tuple[str, Prediction]]:
    """Laterality and newest prediction of each picture of the exam, or ``NotFound``."""
    require(user, Permission.READ_ANALYSES)
    pictures = scans.mammograms_visible_to(user).filter(exam_id=exam_id)
    sides = dict(pictures.values_list("pk", "laterality"))
    if not sides:
        raise NotFound("There is no such exam.")
    require_read(user, pictures)
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


def recommendation_of(job: AnalysisJob, *, user: User) -> Recommendation | None:
    """What came out of it. Raises ``ReadingDue`` while the user has to read the pictures first."""
    found = _recommendations_in_scope(user).filter(job=job).values_list("pk", flat=True).first()
    return recommendation_visible_to(user, found) if found else None


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


def decisions_of(patient: Patient, *, user: User) -> QuerySet[Decision]:
    return (
        decisions_visible_to(user)
        .filter(patient=patient)
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


def marks_on(mammogram: Mammogram, *, user: User) -> list[LesionMark]:
    """The marks that hold on this picture, in the order the lesions were marked first."""
    rows = marks_visible_to(user).filter(mammogram=mammogram).select_related("marked_by")
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
        .filter(open_to(user, "current", "prior"), requested_by=user)
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


def followed_lesions_of(patient: Patient, *, user: User) -> list[FollowedLesion]:
    marks = list(marks_of(patient).filter(open_to(user, "mammogram")))
    measured = comparisons_at_marks(patient).filter(open_to(user, "current", "prior"))
    return followed_lesions(marks, measured) if marks else []


@dataclass(frozen=True)
class Lesion:
    """One mass in one mammogram: what is said of it now, and what was said before."""

    number: int
    current: Finding
    superseded: Sequence[Finding]


def lesions_of(mammogram: Mammogram, *, user: User) -> list[Lesion]:
    """Described masses by number; earlier revisions newest first."""
    found = findings_visible_to(user).filter(mammogram=mammogram).order_by("lesion", "-revision")
    lesions = []
    for number, revisions in groupby(found, key=lambda finding: finding.lesion):
        current, *superseded = revisions
        lesions.append(Lesion(number, current, superseded))
    return lesions


def similar_cases_of(mammogram: Mammogram, *, user: User) -> SimilarCases | None:
    """The newest search for pictures like this one."""
    found = similar_cases_visible_to(user).filter(mammogram=mammogram)
    return found.order_by("-created_at", "pk").first()


@dataclass(frozen=True)
class BreastRead:
    """One breast of an exam: who saw what in it, in the order of reading, and what holds."""

    exam_id: UUID
    laterality: str
    readings: Sequence[Reading]
    arbitration: Arbitration | None

    @property
    def first_two(self) -> Sequence[Reading]:
        return [reading for reading in self.readings if reading.revision == 1][:2]

    @property
    def differs(self) -> bool:
        return len({reading.category for reading in self.first_two}) == 2

    @property
    def read_by(self) -> set[UUID]:
        return {reading.reader_id for reading in self.first_two}


def breasts_read(exam: Exam, *, user: User) -> list[BreastRead]:
    """The readings of an exam as far as the user may see them."""
    rows = readings_visible_to(user).filter(exam=exam).order_by("laterality", "created_at", "pk")
    ruled = {each.laterality: each for each in arbitrations_visible_to(user).filter(exam=exam)}
    return [
        BreastRead(exam.pk, laterality, list(readings), ruled.get(laterality))
        for laterality, readings in groupby(rows, key=lambda reading: reading.laterality)
    ]


def breasts_to_settle(user: User) -> list[Exam]:
    """Exams that the user may settle: two other doctors' readings of a breast differ.

    Of the newest readings; which differ shows, what they say does not.
    """
    if not reads_blind(user):
        return []
    blind = list(user.blind_clinics)
    newest = Reading.objects.filter(clinic_id__in=blind, revision=1).order_by("-created_at", "-pk")
    by_breast: dict[tuple[UUID, str], list[tuple[UUID, str]]] = {}
    for exam_id, side, reader_id, category in reversed(
        newest.values_list("exam_id", "laterality", "reader_id", "category")[:MOST_TO_SETTLE]
    ):
        by_breast.setdefault((exam_id, side), []).append((reader_id, category))
    settled = set(
        Arbitration.objects.filter(clinic_id__in=blind).values_list("exam_id", "laterality")
    )
    exam_ids = {
        breast[0]
        for breast, read in by_breast.items()
        if len({category for _, category in read[:2]}) == 2
        and user.pk not in {reader_id for reader_id, _ in read[:2]}
        and breast not in settled
    }
    found = scans.exams_visible_to(user).filter(pk__in=list(exam_ids)).select_related("patient")
    return list(found.order_by("-created_at", "-pk"))


def earlier_pictures(exam: Exam) -> dict[Position, Mammogram]:
    """By breast and view, the latest picture before the exam."""
    before = scans.mammograms_of(exam.patient).filter(exam_date__lt=exam.exam_date)
    return {mammogram.position: mammogram for mammogram in before}


def jobs_of_exam(user: User, exam: Exam) -> list[AnalysisJob]:
    """The newest analysis of each of its pictures."""
    pictures = list(scans.mammograms_of_exam(exam).values_list("pk", flat=True))
    jobs = jobs_visible_to(user).filter(current_id__in=pictures).select_related("current", "prior")
    return list({job.current_id: job for job in jobs.order_by("created_at", "pk")}.values())


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
    if reads_blind(user):
        opened = set(recommendations_visible_to(user).filter(patient=patient).values_list("pk"))
        found = [each for each in found if (each.pk,) in opened]
    return PatientRecord(
        patient=patient,
        courses=treatment.courses,
        cycles=treatment.cycles,
        pathology=treatment.pathology,
        mammograms=list(scans.mammograms_of(patient)) if can(user, Permission.READ_SCANS) else [],
        jobs=jobs,
        recommendations=sorted(found, key=attrgetter("created_at"), reverse=True),
        decisions=list(decisions_of(patient, user=user)) if sees_analyses else [],
        analysis_allowed=treatment.analysis_allowed,
        lesions=followed_lesions_of(patient, user=user) if sees_analyses else [],
    )
