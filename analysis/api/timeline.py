"""The course of one patient over HTTP: what happened when, in the order of clinical time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.selectors import decisions_visible_to, recommendations_visible_to
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission
from mammotrack.api.permissions import check
from mammotrack.api.viewsets import ApiViewSet
from patients.models import Patient
from patients.selectors import patient_visible_to, treatment_of
from scans.selectors import mammograms_visible_to

KINDS = (
    "therapy_started",
    "therapy_ended",
    "cycle",
    "pathology_report",
    "mammogram",
    "recommendation",
    "decision",
)


@dataclass(frozen=True)
class Event:
    date: date
    event: str
    id: UUID
    label: str


def events_of(patient: Patient, *, reader: User) -> list[Event]:
    """By when it happened, not by when it was entered; of one day in the order of ``KINDS``."""
    events = [*_treatment(patient), *_findings(patient, reader)]
    return sorted(events, key=lambda e: (e.date, KINDS.index(e.event), e.label, e.id))


def _treatment(patient: Patient) -> Iterator[Event]:
    record = treatment_of(patient, analysis_allowed=True)
    regimens = {course.pk: course.regimen for course in record.courses}
    for course in record.courses:
        yield Event(course.start_date, "therapy_started", course.pk, course.regimen)
        if course.end_date:
            yield Event(course.end_date, "therapy_ended", course.pk, course.regimen)
    for cycle in record.cycles:
        label = f"{regimens.get(cycle.course_id, '')} {cycle.number}".strip()
        yield Event(cycle.given_date, "cycle", cycle.pk, label)
    for report in record.pathology:
        label = f"{report.laterality} {report.result}"
        yield Event(report.report_date, "pathology_report", report.pk, label)


def _findings(patient: Patient, reader: User) -> Iterator[Event]:
    """Of each row no more than stands on the axis: a patient has many."""
    pictures = mammograms_visible_to(reader).filter(patient=patient)
    for key, day, side, view in pictures.values_list("pk", "exam_date", "laterality", "view"):
        yield Event(day, "mammogram", key, f"{side}{view}")
    proposals = recommendations_visible_to(reader).filter(patient=patient)
    for key, made, proposal in proposals.values_list("pk", "created_at", "proposal"):
        yield Event(made.date(), "recommendation", key, proposal)
    decisions = decisions_visible_to(reader).filter(patient=patient)
    for key, signed, choice in decisions.values_list("pk", "signed_at", "choice"):
        yield Event(signed.date(), "decision", key, choice)


class EventSerializer(serializers.Serializer):
    date = serializers.DateField(help_text="When it happened.")
    event = serializers.ChoiceField([(kind, kind) for kind in KINDS])
    id = serializers.UUIDField(help_text="Of the course, cycle, report, mammogram, …")
    label = serializers.CharField(  # type: ignore[assignment]  # a field, as any other here
        help_text="Regimen, position, result or choice, as a code."
    )


@extend_schema_serializer(many=False)
class TimelineSerializer(serializers.Serializer):
    events = EventSerializer(many=True)


class TimelineViewSet(ApiViewSet):
    permissions = {"list": Permission.READ_ANALYSES}
    serializer_class = TimelineSerializer
    pagination_class = None

    @extend_schema(operation_id="patients_timeline", responses=TimelineSerializer)
    def list(self, request: Request, patient_id: UUID) -> Response:
        """Therapy, pathology, mammograms, proposals and decisions on one axis of clinical time.

        It takes what reading each of them takes.
        """
        for needed in (Permission.READ_PATIENTS, Permission.READ_SCANS):
            check(request, needed)
        patient = patient_visible_to(self.user, patient_id)
        body: dict[str, Any] = {"events": events_of(patient, reader=self.user)}
        return Response(TimelineSerializer(body).data)
