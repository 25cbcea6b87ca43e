"""Therapy and pathology over HTTP."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.versions import IF_MATCH, etag, expected_version
from mammotrack.api.viewsets import ApiViewSet
from patients import selectors, services
from patients.api.shared import CODING, CodingField, optional
from patients.choices import (
    DoseReason,
    Her2Status,
    Histology,
    Intent,
    Laterality,
    PathologyResult,
    ReceptorStatus,
    Specimen,
    StopReason,
    TherapyKind,
)
from patients.codes import INTENT, LOINC, RECEPTOR, SNOMED, STOP_REASON, coding
from patients.models import AmendableFact, PathologyReport, Patient, TherapyCourse, TherapyCycle


class CourseSerializer(Answer):
    intent_coding = CodingField(source="intent", system=SNOMED, codes=INTENT)
    stop_reason_coding = CodingField(source="stop_reason", system=SNOMED, codes=STOP_REASON)

    class Meta:
        model = TherapyCourse
        fields = [
            "id",
            "patient",
            *services.COURSE_FIELDS,
            "intent_coding",
            "stop_reason_coding",
            "version",
            "created_at",
        ]


class NewCourse(Shape):
    kind = serializers.ChoiceField(TherapyKind.choices)
    regimen = serializers.CharField(max_length=80)
    intent = optional(Intent)
    planned_cycles = serializers.IntegerField(
        min_value=1, max_value=100, allow_null=True, required=False
    )
    start_date = serializers.DateField()
    end_date = serializers.DateField(allow_null=True, required=False)
    stop_reason = optional(StopReason)


class CycleSerializer(Answer):
    class Meta:
        model = TherapyCycle
        fields = ["id", "patient", "course", *services.CYCLE_FIELDS, "version", "created_at"]


class NewCycle(Shape):
    number = serializers.IntegerField(min_value=1, max_value=100)
    given_date = serializers.DateField()
    last_date = serializers.DateField(allow_null=True, required=False)
    dose_percent = serializers.IntegerField(min_value=1, max_value=200, required=False)
    dose_reason = optional(DoseReason)


class PathologySerializer(Answer):
    codings = serializers.SerializerMethodField(help_text="LOINC of each receptor stated.")

    class Meta:
        model = PathologyReport
        fields = ["id", "patient", *services.PATHOLOGY_FIELDS, "codings", "version", "created_at"]

    @extend_schema_field({"type": "object", "additionalProperties": CODING})
    def get_codings(self, report: PathologyReport) -> dict[str, dict[str, str] | None]:
        return {
            name: coding(LOINC, code) for name, code in RECEPTOR.items() if getattr(report, name)
        }


class NewPathology(Shape):
    laterality = serializers.ChoiceField(Laterality.choices)
    result = serializers.ChoiceField(PathologyResult.choices)
    report_date = serializers.DateField()
    specimen = optional(Specimen)
    histology = optional(Histology)
    grade = serializers.IntegerField(min_value=1, max_value=3, allow_null=True, required=False)
    estrogen_receptor = optional(ReceptorStatus)
    progesterone_receptor = optional(ReceptorStatus)
    her2 = optional(Her2Status)
    ki67_percent = serializers.IntegerField(
        min_value=0, max_value=100, allow_null=True, required=False
    )


class FactViewSet(ListModelMixin, ApiViewSet):
    """What is recorded about one patient: listed, added to, and corrected by a new version."""

    permissions = {
        "list": Permission.READ_PATIENTS,
        "create": Permission.WRITE_THERAPY,
        "partial_update": Permission.WRITE_THERAPY,
    }

    def recorded(self, fact: AmendableFact) -> Response:
        return self.answer(fact, status=status.HTTP_201_CREATED)

    def answer(self, fact: AmendableFact, *, status: int = 200) -> Response:
        return Response(self.get_serializer(fact).data, status=status, headers=etag(fact.version))

    def amended(
        self, amend: Callable[..., AmendableFact], fact: AmendableFact, shape: type[Shape]
    ) -> Response:
        """Correct the fact, if nobody else did since the version in ``If-Match``."""
        version, values = expected_version(self.request), self.asked(shape, partial=True)
        amend(fact, expected_version=version, recorded_by=self.user, **values)
        return self.answer(fact)

    def patient(self) -> Patient:
        return selectors.patient_visible_to(self.user, self.kwargs["patient_id"])

    def course(self) -> TherapyCourse:
        return selectors.course_visible_to(self.user, self.kwargs["course_id"])


class CourseViewSet(FactViewSet):
    serializer_class = CourseSerializer

    def get_queryset(self) -> QuerySet[TherapyCourse]:
        return selectors.courses_of(self.patient())

    @extend_schema(request=NewCourse, responses={201: CourseSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        patient, wanted = self.patient(), self.asked(NewCourse)
        return self.recorded(services.record_course(patient, **wanted, recorded_by=self.user))

    @extend_schema(request=NewCourse(partial=True), parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: UUID, **kwargs: Any) -> Response:
        course = selectors.course_of(self.patient(), pk)
        return self.amended(services.amend_course, course, NewCourse)


class CycleViewSet(FactViewSet):
    serializer_class = CycleSerializer

    def get_queryset(self) -> QuerySet[TherapyCycle]:
        return selectors.cycles_given_in(self.course())

    @extend_schema(request=NewCycle, responses={201: CycleSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        course, wanted = self.course(), self.asked(NewCycle)
        return self.recorded(services.record_cycle(course, **wanted, recorded_by=self.user))

    @extend_schema(request=NewCycle(partial=True), parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: UUID, **kwargs: Any) -> Response:
        cycle = selectors.cycle_of(self.course(), pk)
        return self.amended(services.amend_cycle, cycle, NewCycle)


class PathologyViewSet(FactViewSet):
    serializer_class = PathologySerializer

    def get_queryset(self) -> QuerySet[PathologyReport]:
        return selectors.pathology_of(self.patient())

    @extend_schema(request=NewPathology, responses={201: PathologySerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        patient, wanted = self.patient(), self.asked(NewPathology)
        return self.recorded(services.record_pathology(patient, **wanted, recorded_by=self.user))

    @extend_schema(request=NewPathology(partial=True), parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: UUID, **kwargs: Any) -> Response:
        report = selectors.report_of(self.patient(), pk)
        return self.amended(services.amend_pathology, report, NewPathology)
