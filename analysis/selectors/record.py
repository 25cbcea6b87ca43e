"""All of one patient, as far as one user may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from django.db.models import QuerySet

from analysis.blinding import reads_blind
from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Decision, Recommendation
from analysis.selectors.lesions import followed_lesions_of
from analysis.selectors.visible import decisions_visible_to, recommendations_visible_to
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can
from patients import selectors as patients
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from scans import selectors as scans
from scans.models import Mammogram


def jobs_of(patient: Patient) -> QuerySet[AnalysisJob]:
    """With what came out of each."""
    return (
        AnalysisJob.objects.filter(patient=patient)
        .select_related(
            "recommendation", "recommendation__current_prediction", "recommendation__comparison"
        )
        .order_by("-created_at", "-pk")
    )


def decisions_of(patient: Patient, *, user: User) -> QuerySet[Decision]:
    return (
        decisions_visible_to(user)
        .filter(patient=patient)
        .select_related("signed_by")
        .order_by("-signed_at", "-pk")
    )


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
