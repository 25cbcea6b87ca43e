"""Patients and their treatment over HTTP."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextChoices
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from mammotrack.accounts.models import Clinic
from mammotrack.accounts.policy import Permission
from mammotrack.api.filters import IsSet, NoFilters
from mammotrack.api.problems import problem
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.versions import IF_MATCH, etag, expected_version
from mammotrack.api.viewsets import ApiViewSet
from patients import selectors, services
from patients.choices import (
    DoseReason,
    Her2Status,
    Histology,
    Intent,
    Laterality,
    PathologyResult,
    ReceptorStatus,
    Sex,
    Specimen,
    StopReason,
    TherapyKind,
)
from patients.codes import INTENT, LOINC, RECEPTOR, SNOMED, STOP_REASON, coding
from patients.errors import RecordMerged
from patients.models import (
    AmendableFact,
    PathologyReport,
    Patient,
    TherapyCourse,
    TherapyCycle,
)
from patients.partial_dates import PartialDate


class ClinicSerializer(Answer):
    class Meta:
        model = Clinic
        fields = ["id", "name"]


@extend_schema_field(
    {"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$", "example": "1961-03"}
)
class PartialDateField(serializers.CharField):
    """A FHIR date: the year, the month or the day, as far as it is known."""

    def to_internal_value(self, data: Any) -> PartialDate:  # type: ignore[override]  # not text
        try:
            return PartialDate.parse(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class PatientSerializer(Answer):
    birth_date = PartialDateField(source="born")

    class Meta:
        model = Patient
        fields = [
            "id",
            "clinic",
            "medical_record_number",
            "family_name",
            "given_name",
            "birth_date",
            "sex",
            "phone",
            "deceased_date",
            "archived_at",
            "hold_reason",
            "version",
            "created_at",
        ]


class PatientIdentity(Shape):
    medical_record_number = serializers.CharField(max_length=64)
    family_name = serializers.CharField(max_length=100)
    given_name = serializers.CharField(max_length=100)
    birth_date = PartialDateField()
    sex = serializers.ChoiceField(Sex.choices)
    phone = serializers.CharField(max_length=32, allow_blank=True, required=False)
    deceased_date = serializers.DateField(allow_null=True, required=False)
    duplicate_reason = serializers.CharField(
        max_length=500,
        required=False,
        help_text="Why this is another person than those much like it that are registered.",
    )


class PatientRegistration(PatientIdentity):
    clinic = serializers.UUIDField()


class Reason(Shape):
    reason = serializers.CharField(max_length=200)


class PatientSearch(Shape):
    text = serializers.CharField(
        max_length=100,
        help_text="The beginning of a name, a medical record number or a birth date.",
    )


class OfPatient(Shape):
    """Filter of lists that hold rows of many patients."""

    patient = serializers.UUIDField(required=False)


CODING = {
    "type": ["object", "null"],
    "properties": {"system": {"type": "string"}, "code": {"type": "string"}},
}


@extend_schema_field(CODING)
class CodingField(serializers.Field):
    """The FHIR Coding of a value; null where no code of another system is known."""

    def __init__(self, *, source: str, system: str, codes: Mapping[str, str]) -> None:
        super().__init__(source=source, read_only=True)
        self.system, self.codes = system, codes

    def to_representation(self, value: str) -> dict[str, str] | None:
        return coding(self.system, self.codes.get(value))


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


def _optional(choices: type[TextChoices]) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices.choices, allow_blank=True, required=False)


class NewCourse(Shape):
    kind = serializers.ChoiceField(TherapyKind.choices)
    regimen = serializers.CharField(max_length=80)
    intent = _optional(Intent)
    planned_cycles = serializers.IntegerField(
        min_value=1, max_value=100, allow_null=True, required=False
    )
    start_date = serializers.DateField()
    end_date = serializers.DateField(allow_null=True, required=False)
    stop_reason = _optional(StopReason)


class CycleSerializer(Answer):
    class Meta:
        model = TherapyCycle
        fields = ["id", "patient", "course", *services.CYCLE_FIELDS, "version", "created_at"]


class NewCycle(Shape):
    number = serializers.IntegerField(min_value=1, max_value=100)
    given_date = serializers.DateField()
    last_date = serializers.DateField(allow_null=True, required=False)
    dose_percent = serializers.IntegerField(min_value=1, max_value=200, required=False)
    dose_reason = _optional(DoseReason)


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
    specimen = _optional(Specimen)
    histology = _optional(Histology)
    grade = serializers.IntegerField(min_value=1, max_value=3, allow_null=True, required=False)
    estrogen_receptor = _optional(ReceptorStatus)
    progesterone_receptor = _optional(ReceptorStatus)
    her2 = _optional(Her2Status)
    ki67_percent = serializers.IntegerField(
        min_value=0, max_value=100, allow_null=True, required=False
    )


class PatientFilters(Shape):
    archived = IsSet(field="archived_at")


class ClinicViewSet(ListModelMixin, ApiViewSet):
    """The clinics whose records the caller may see."""

    permissions = {"list": Permission.READ_PATIENTS}
    serializer_class = ClinicSerializer

    def get_queryset(self) -> QuerySet[Clinic]:
        return selectors.clinics_of(self.user)


class PatientViewSet(ListModelMixin, ApiViewSet):
    permissions = {
        "list": Permission.READ_PATIENTS,
        "retrieve": Permission.READ_PATIENTS,
        "search": Permission.READ_PATIENTS,
        "create": Permission.WRITE_PATIENTS,
        "partial_update": Permission.WRITE_PATIENTS,
        "archive": Permission.KEEP_RECORDS,
        "restore": Permission.KEEP_RECORDS,
        "hold": Permission.KEEP_RECORDS,
        "lift_hold": Permission.KEEP_RECORDS,
    }
    reads_by_post = frozenset({"search"})
    filters = PatientFilters
    serializer_class = PatientSerializer

    def get_queryset(self) -> QuerySet[Patient]:
        return selectors.patients_visible_to(self.user)

    @extend_schema(responses={200: PatientSerializer, 301: None})
    def retrieve(self, request: Request, pk: UUID) -> HttpResponse:
        """301 leads from a record that was merged to the one it is part of."""
        try:
            patient = selectors.patient_visible_to(self.user, pk)
        except RecordMerged as error:
            survivor = error.context["patient_id"]
            return problem(
                request,
                status=status.HTTP_301_MOVED_PERMANENTLY,
                code=error.code,
                detail=error.detail,
                headers={"Location": reverse("api:patient-detail", [survivor])},
                context={"patient_id": survivor},
            )
        return self._answer(patient)

    @extend_schema(request=PatientRegistration, responses={201: PatientSerializer})
    def create(self, request: Request) -> Response:
        identity = self.asked(PatientRegistration)
        patient = services.register_patient(
            clinic_id=identity.pop("clinic"), **identity, registered_by=self.user
        )
        here = reverse("api:patient-detail", [patient.pk])
        return self._answer(patient, status=status.HTTP_201_CREATED, headers={"Location": here})

    @extend_schema(request=PatientIdentity(partial=True), parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change identity fields, if nobody else did since this version was read."""
        patient = selectors.patient_visible_to(self.user, pk)
        version = expected_version(request)
        wanted = self.asked(PatientIdentity, partial=True)
        services.update_patient(patient, expected_version=version, changed_by=self.user, **wanted)
        return self._answer(patient)

    @extend_schema(
        operation_id="patients_search",
        request=PatientSearch,
        responses=PatientSerializer(many=True),
    )
    @action(detail=False, methods=["post"], filters=NoFilters)
    def search(self, request: Request) -> Response:
        """Find by name, number or birth date; a POST, so that no name stands in an address."""
        wanted = self.asked(PatientSearch)
        found = selectors.search_patients(self.user, wanted["text"])
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=Reason, responses=PatientSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: UUID) -> Response:
        """Put the record away: it is in no search and takes no entries."""
        patient = selectors.patient_visible_to(self.user, pk)
        return self._answer(
            services.archive_patient(patient, **self.asked(Reason), archived_by=self.user)
        )

    @extend_schema(request=Reason, responses=PatientSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: UUID) -> Response:
        patient = selectors.patient_visible_to(self.user, pk)
        return self._answer(
            services.restore_patient(patient, **self.asked(Reason), restored_by=self.user)
        )

    @extend_schema(request=Reason, responses=PatientSerializer)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: UUID) -> Response:
        """Place a legal hold."""
        patient = selectors.patient_visible_to(self.user, pk)
        return self._answer(services.place_hold(patient, **self.asked(Reason), placed_by=self.user))

    @extend_schema(request=Reason, responses=PatientSerializer)
    @action(detail=True, methods=["post"], url_path="lift-hold")
    def lift_hold(self, request: Request, pk: UUID) -> Response:
        patient = selectors.patient_visible_to(self.user, pk)
        return self._answer(services.lift_hold(patient, **self.asked(Reason), lifted_by=self.user))

    def _answer(
        self, patient: Patient, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        body = self.get_serializer(patient).data
        return Response(body, status=status, headers=etag(patient.version) | (headers or {}))


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
