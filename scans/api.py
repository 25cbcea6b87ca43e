"""Exams and mammograms over HTTP."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from mammotrack.accounts.policy import Permission
from mammotrack.api.files import file_of_row
from mammotrack.api.parsers import UploadParser
from mammotrack.api.serializers import Answer, FiniteFloatField, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients.api.shared import OfPatient
from patients.partial_dates import age_on
from patients.selectors import patient_visible_to, place_in_therapy
from scans import limits, selectors, services
from scans.choices import Identifier, Laterality, View
from scans.header import DISPLAY_NAME, PIXELS_NAME, THUMBNAIL_NAME
from scans.media import stored_picture
from scans.models import Exam, Mammogram


class MammogramUploadParser(UploadParser):
    max_bytes = limits.MAX_FILE_BYTES + limits.MIB  # the file, and the form around it


class ExamSerializer(Answer):
    class Meta:
        model = Exam
        fields = [
            "id",
            "patient",
            "exam_date",
            "accession_number",
            "modality",
            "study_instance_uid",
            "created_at",
        ]


class MammogramSerializer(Answer):
    flags = serializers.ListField(
        child=serializers.CharField(), help_text="What the file gate noticed, as codes."
    )

    class Meta:
        model = Mammogram
        fields = [
            "id",
            "patient",
            "exam",
            "exam_date",
            "laterality",
            "view",
            "sop_instance_uid",
            "file_format",
            "sha256",
            "pixel_sha256",
            "size_bytes",
            "rows",
            "columns",
            "bits_stored",
            "pixel_spacing_mm",
            "manufacturer",
            "device_model",
            "flags",
            "origin",
            "created_at",
        ]


class TherapyPlaceSerializer(serializers.Serializer):
    """Where the exam lies in the therapy; the day a cycle is given is its day 1."""

    course_id = serializers.UUIDField()
    regimen = serializers.CharField()
    cycle = serializers.IntegerField(allow_null=True, help_text="The last given by that day.")
    planned_cycles = serializers.IntegerField(allow_null=True)
    day = serializers.IntegerField(allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]  # a field, as any other here
        help_text="For example: AC-T: after cycle 4 of 8, day 12."
    )


class MammogramDetailSerializer(MammogramSerializer):
    age_at_exam = serializers.SerializerMethodField(
        help_text="Completed years; a range where the birth date is known in part."
    )
    therapy_place = serializers.SerializerMethodField()

    class Meta(MammogramSerializer.Meta):
        fields = [*MammogramSerializer.Meta.fields, "age_at_exam", "therapy_place"]

    @extend_schema_field({"type": "string", "examples": ["48", "47–48"]})
    def get_age_at_exam(self, mammogram: Mammogram) -> str:
        return str(age_on(mammogram.patient.born, mammogram.exam_date))

    @extend_schema_field(TherapyPlaceSerializer(allow_null=True))
    def get_therapy_place(self, mammogram: Mammogram) -> Any:
        place = place_in_therapy(mammogram.patient_id, mammogram.exam_date)
        return TherapyPlaceSerializer(place).data if place else None


class MammogramUpload(Shape):
    """One file and what the sender says about it; what is left out, the file has to tell."""

    patient = serializers.UUIDField()
    file = serializers.FileField(
        allow_empty_file=True,  # the service refuses it, with its own code
        help_text=f"DICOM, PNG or JPEG of at most {limits.MAX_FILE_BYTES // limits.MIB} MiB.",
    )
    laterality = serializers.ChoiceField(Laterality.choices, required=False)
    view = serializers.ChoiceField(View.choices, required=False)
    exam_date = serializers.DateField(required=False)
    accession_number = serializers.CharField(required=False, max_length=16)
    pixel_spacing_mm = FiniteFloatField(required=False, min_value=0.01, max_value=1.0)
    confirmed_identifiers = serializers.MultipleChoiceField(
        choices=Identifier.choices,
        required=False,
        help_text="What was compared and agrees: two, unless the file itself states them.",
    )
    identity_reason = serializers.CharField(
        required=False,
        max_length=500,
        help_text="Why a file that names somebody else is this patient's all the same.",
    )


class OfExam(OfPatient):
    exam = serializers.UUIDField(required=False)


class ExamViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = {"list": Permission.READ_SCANS, "retrieve": Permission.READ_SCANS}
    filters = OfPatient
    serializer_class = ExamSerializer

    def get_queryset(self) -> QuerySet[Exam]:
        return selectors.exams_visible_to(self.user)


class MammogramViewSet(ListModelMixin, ApiViewSet):
    permissions = {
        "list": Permission.READ_SCANS,
        "retrieve": Permission.READ_SCANS,
        "create": Permission.UPLOAD_SCANS,
        "pixels": Permission.READ_SCANS,
        "display": Permission.READ_SCANS,
        "thumbnail": Permission.READ_SCANS,
    }
    key_required = frozenset({"create"})
    filters = OfExam
    parser_classes = [MammogramUploadParser]
    serializer_class = MammogramSerializer

    def get_queryset(self) -> QuerySet[Mammogram]:
        return selectors.mammograms_visible_to(self.user)

    @extend_schema(responses=MammogramDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """With the age at the exam and its place in the therapy."""
        mammogram = selectors.mammogram_visible_to(self.user, pk)
        return Response(MammogramDetailSerializer(mammogram).data)

    @extend_schema(
        request=MammogramUpload, responses={201: MammogramSerializer, 200: MammogramSerializer}
    )
    def create(self, request: Request) -> Response:
        """Store one file; its analysis is queued at once. The very same file sent again
        answers 200 with what it made the first time."""
        said = self.asked(MammogramUpload)
        said["confirmed_identifiers"] = tuple(sorted(said.get("confirmed_identifiers", ())))
        patient = patient_visible_to(self.user, said.pop("patient"))
        stored = services.store_mammogram(
            patient=patient,
            chunks=said.pop("file").chunks(),
            statement=services.Statement(**said),
            stored_by=self.user,
        )
        return Response(
            self.get_serializer(stored.mammogram).data,
            status=status.HTTP_201_CREATED if stored.created else status.HTTP_200_OK,
            headers={"Location": reverse("api:mammogram-detail", [stored.mammogram.pk])},
        )

    @file_of_row("image/png", operation_id="mammograms_pixels")
    def pixels(self, request: Request, pk: UUID) -> FileResponse:
        """All values at full depth: a gray PNG of 8 or 16 bits, bright tissue."""
        return self._picture(pk, PIXELS_NAME)

    @file_of_row("image/jpeg", operation_id="mammograms_display")
    def display(self, request: Request, pk: UUID) -> FileResponse:
        """To be looked at: 8 bits, at most 1600 rows."""
        return self._picture(pk, DISPLAY_NAME)

    @file_of_row("image/jpeg", operation_id="mammograms_thumbnail")
    def thumbnail(self, request: Request, pk: UUID) -> FileResponse:
        return self._picture(pk, THUMBNAIL_NAME)

    def _picture(self, pk: UUID, name: str) -> FileResponse:
        mammogram = selectors.mammogram_visible_to(self.user, pk)
        path = services.object_store().derived_path(mammogram.sha256, name)
        return stored_picture(path, name=str(mammogram.pk))
