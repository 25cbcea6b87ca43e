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

from analysis.selectors import PatientRecord, record_of
from mammotrack.accounts.policy import Permission
from mammotrack.api.permissions import check
from mammotrack.api.viewsets import ApiViewSet
from patients.selectors import patient_visible_to, treatment_of

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


def events_of(record: PatientRecord) -> list[Event]:
    """By when it happened, not by when it was entered; of one day in the order of ``KINDS``."""
    return sorted(_events(record), key=lambda e: (e.date, KINDS.index(e.event), e.label, e.id))


def _events(record: PatientRecord) -> Iterator[Event]:
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
    for mammogram in record.mammograms:
        label = f"{mammogram.laterality}{mammogram.view}"
        yield Event(mammogram.exam_date, "mammogram", mammogram.pk, label)
    for proposal in record.recommendations:
        made = proposal.created_at.date()
        yield Event(made, "recommendation", proposal.pk, proposal.proposal)
    for decision in record.decisions:
        yield Event(decision.signed_at.date(), "decision", decision.pk, decision.choice)


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
        treatment = treatment_of(patient, analysis_allowed=True)
        record = record_of(patient, user=self.user, treatment=treatment)
        body: dict[str, Any] = {"events": events_of(record)}
        return Response(TimelineSerializer(body).data)
