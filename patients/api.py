"""Patients and their treatment over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from mammotrack.accounts.models import Clinic
from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.versions import etag, expected_version
from mammotrack.api.viewsets import ApiViewSet
from patients import selectors, services
from patients.choices import Laterality, PathologyResult, Sex, TherapyKind
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from patients.partial_dates import PartialDate

IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    required=True,
    description='The ETag of the version that was read, such as "3".',
)


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


class PatientRegistration(PatientIdentity):
    clinic = serializers.UUIDField()
    duplicate_reason = serializers.CharField(
        max_length=500,
        required=False,
        help_text="Why this is another person than those much like it that are registered.",
    )


class PatientSearch(Shape):
    text = serializers.CharField(
        max_length=100,
        help_text="The beginning of a name, a medical record number or a birth date.",
    )


class OfPatient(Shape):
    """Filter of lists that hold rows of many patients."""

    patient = serializers.UUIDField(required=False)


class CourseSerializer(Answer):
    class Meta:
        model = TherapyCourse
        fields = [
            "id",
            "patient",
            "kind",
            "regimen",
            "planned_cycles",
            "start_date",
            "end_date",
            "created_at",
        ]


class NewCourse(Shape):
    kind = serializers.ChoiceField(TherapyKind.choices)
    regimen = serializers.CharField(max_length=80)
    planned_cycles = serializers.IntegerField(
        min_value=1, max_value=100, allow_null=True, default=None
    )
    start_date = serializers.DateField()
    end_date = serializers.DateField(allow_null=True, default=None)


class CycleSerializer(Answer):
    class Meta:
        model = TherapyCycle
        fields = ["id", "patient", "course", "number", "given_date", "created_at"]


class NewCycle(Shape):
    number = serializers.IntegerField(min_value=1, max_value=100)
    given_date = serializers.DateField()


class PathologySerializer(Answer):
    class Meta:
        model = PathologyReport
        fields = ["id", "patient", "laterality", "result", "report_date", "created_at"]


class NewPathology(Shape):
    laterality = serializers.ChoiceField(Laterality.choices)
    result = serializers.ChoiceField(PathologyResult.choices)
    report_date = serializers.DateField()


class ClinicViewSet(ListModelMixin, ApiViewSet):
    """The clinics whose records the caller may see."""

    permissions = {"list": Permission.READ_PATIENTS}
    serializer_class = ClinicSerializer

    def get_queryset(self) -> QuerySet[Clinic]:
        return selectors.clinics_of(self.user)


class PatientViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = {
        "list": Permission.READ_PATIENTS,
        "retrieve": Permission.READ_PATIENTS,
        "search": Permission.READ_PATIENTS,
        "create": Permission.WRITE_PATIENTS,
        "partial_update": Permission.WRITE_PATIENTS,
    }
    serializer_class = PatientSerializer

    def get_queryset(self) -> QuerySet[Patient]:
        return selectors.patients_visible_to(self.user)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        patient = self.get_object()
        services.note_opened(patient, opened_by=self.user)
        return self._answer(patient)

    @extend_schema(request=PatientRegistration, responses={201: PatientSerializer})
    def create(self, request: Request) -> Response:
        wanted = PatientRegistration(data=request.data)
        wanted.is_valid(raise_exception=True)
        identity = dict(wanted.validated_data)
        patient = services.register_patient(
            clinic_id=identity.pop("clinic"), **identity, registered_by=self.user
        )
        here = reverse("api:patient-detail", [patient.pk])
        return self._answer(patient, status=status.HTTP_201_CREATED, headers={"Location": here})

    @extend_schema(request=PatientIdentity(partial=True), parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change identity fields, if nobody else did since this version was read."""
        patient = self.get_object()
        version = expected_version(request)
        wanted = PatientIdentity(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        services.update_patient(
            patient, expected_version=version, changed_by=self.user, **wanted.validated_data
        )
        return self._answer(patient)

    @extend_schema(
        operation_id="patients_search",
        request=PatientSearch,
        responses=PatientSerializer(many=True),
    )
    @action(detail=False, methods=["post"])
    def search(self, request: Request) -> Response:
        """Find by name, number or birth date; a POST, so that no name stands in an address."""
        wanted = PatientSearch(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = selectors.search_patients(self.user, wanted.validated_data["text"])
        page = self.paginate_queryset(found)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _answer(
        self, patient: Patient, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        body = self.get_serializer(patient).data
        return Response(body, status=status, headers=etag(patient.version) | (headers or {}))


class FactViewSet(ListModelMixin, ApiViewSet):
    """What is recorded about one patient: listed, and added to."""

    permissions = {"list": Permission.READ_PATIENTS, "create": Permission.WRITE_THERAPY}

    def shape(self, shape: type[Shape]) -> dict[str, Any]:
        """The request's body in that shape."""
        wanted = shape(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return wanted.validated_data

    def created(self, fact: TherapyCourse | TherapyCycle | PathologyReport) -> Response:
        return Response(self.get_serializer(fact).data, status=status.HTTP_201_CREATED)

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
        patient, wanted = self.patient(), self.shape(NewCourse)
        return self.created(services.record_course(patient, **wanted, recorded_by=self.user))


class CycleViewSet(FactViewSet):
    serializer_class = CycleSerializer

    def get_queryset(self) -> QuerySet[TherapyCycle]:
        return selectors.cycles_given_in(self.course())

    @extend_schema(request=NewCycle, responses={201: CycleSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        course, wanted = self.course(), self.shape(NewCycle)
        return self.created(services.record_cycle(course, **wanted, recorded_by=self.user))


class PathologyViewSet(FactViewSet):
    serializer_class = PathologySerializer

    def get_queryset(self) -> QuerySet[PathologyReport]:
        return selectors.pathology_of(self.patient())

    @extend_schema(request=NewPathology, responses={201: PathologySerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        patient, wanted = self.patient(), self.shape(NewPathology)
        return self.created(services.record_pathology(patient, **wanted, recorded_by=self.user))
