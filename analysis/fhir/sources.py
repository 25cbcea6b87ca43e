"""Where each type of resource comes from, and the rows of it that a user may see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from analysis import selectors as analyses
from analysis.choices import Proposal
from analysis.fhir import resources
from analysis.fhir.codes import Json
from analysis.fhir.resources.doctors import SIGNED
from analysis.models import Decision, Finding, Prediction
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, in_scope
from mammotrack.audit.models import AuditEntry
from patients import selectors as patients
from patients.choices import TherapyKind
from patients.models import TherapyCourse, TherapyCycle
from scans import selectors as scans

MEDICINES = (
    TherapyKind.CHEMOTHERAPY,
    TherapyKind.HORMONE,
    TherapyKind.TARGETED,
    TherapyKind.IMMUNOTHERAPY,
)


@dataclass(frozen=True)
class Source:
    """Rows of one model as resources of one type; ``changed``: the field that says since when a row
    reads as it does."""

    rows: Callable[[User], QuerySet[Any]]
    resource: Callable[[Any], Json]
    patient_key: str = "patient_id"
    changed: str = "changed_at"


@dataclass(frozen=True)
class Kind:
    permission: Permission
    sources: Sequence[Source]


def _courses(user: User) -> QuerySet[TherapyCourse]:
    return TherapyCourse.objects.filter(in_scope(user))


def _cycles(user: User) -> QuerySet[TherapyCycle]:
    rows = TherapyCycle.objects.filter(in_scope(user))
    return rows.filter(course__kind__in=MEDICINES).select_related("course")


def _predictions(user: User) -> QuerySet[Prediction]:
    return analyses.predictions_visible_to(user).select_related("mammogram")


def _findings(user: User) -> QuerySet[Finding]:
    """The revisions that hold: those that no later one of the same lesion replaces."""
    later = Finding.objects.filter(
        mammogram=OuterRef("mammogram"),
        lesion=OuterRef("lesion"),
        revision__gt=OuterRef("revision"),
    )
    found = analyses.findings_visible_to(user).select_related("mammogram", "recorded_by")
    return found.filter(~Exists(later))


def _decisions(user: User) -> QuerySet[Decision]:
    return analyses.decisions_visible_to(user).select_related("signed_by", "recommendation")


def _referrals(user: User) -> QuerySet[Decision]:
    """Decisions in force to refer: signed as often as is due, and not amended since."""
    later = Decision.objects.filter(
        recommendation=OuterRef("recommendation"), version__gt=OuterRef("version")
    )
    return (
        _decisions(user)
        .filter(choice=Proposal.REFER, recommendation__status__in=SIGNED)
        .filter(~Exists(later))
        .select_related("signed_by", "recommendation__current")
    )


def _entries(user: User) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(clinic_id__in=user.clinic_ids)


KINDS = {
    "Patient": Kind(
        Permission.READ_PATIENTS,
        [
            Source(
                lambda user: patients.patients_visible_to(user).filter(erased_at=None),
                resources.patient,
                "pk",
            )
        ],
    ),
    "ImagingStudy": Kind(
        Permission.READ_SCANS, [Source(scans.exams_visible_to, resources.imaging_study)]
    ),
    "Observation": Kind(
        Permission.READ_ANALYSES,
        [
            Source(_predictions, resources.prediction),
            Source(
                lambda user: analyses.comparisons_visible_to(user).select_related(
                    "prior", "current"
                ),
                resources.comparison,
            ),
            Source(_findings, resources.finding),
        ],
    ),
    "DiagnosticReport": Kind(
        Permission.READ_ANALYSES,
        [
            Source(
                lambda user: analyses.recommendations_visible_to(user).select_related(
                    "current", "prior", "current_prediction"
                ),
                resources.diagnostic_report,
            )
        ],
    ),
    "ServiceRequest": Kind(
        Permission.READ_ANALYSES, [Source(_referrals, resources.service_request)]
    ),
    "Procedure": Kind(Permission.READ_PATIENTS, [Source(_courses, resources.procedure)]),
    "MedicationAdministration": Kind(
        Permission.READ_PATIENTS, [Source(_cycles, resources.medication_administration)]
    ),
    "Provenance": Kind(
        Permission.READ_ANALYSES,
        [
            Source(_decisions, resources.provenance_of_decision),
            Source(_predictions, resources.provenance_of_prediction),
        ],
    ),
    "AuditEvent": Kind(
        Permission.READ_AUDIT, [Source(_entries, resources.audit_event, changed="created_at")]
    ),
}
