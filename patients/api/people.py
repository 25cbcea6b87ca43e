"""Clinics and patients over HTTP."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
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
from patients.api.shared import PartialDateField, Reason
from patients.choices import Sex
from patients.errors import RecordMerged
from patients.models import Patient


class ClinicSerializer(Answer):
    class Meta:
        model = Clinic
        fields = ["id", "name"]


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


class PatientSearch(Shape):
    text = serializers.CharField(
        max_length=100,
        help_text="The beginning of a name, a medical record number or a birth date.",
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
