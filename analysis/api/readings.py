"""Readings of a clinic that reads blind, over HTTP."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import selectors
from analysis.choices import ReadCategory
from analysis.models import Arbitration, Reading
from analysis.services.readings import arbitrate, record_reading
from mammotrack.accounts.policy import Permission
from mammotrack.api.filters import NoFilters
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients.api.shared import OfPatient
from scans.api import ExamSerializer
from scans.choices import Laterality
from scans.selectors import exam_visible_to


class ReadingSerializer(Answer):
    """A doctor's own category of one breast; another doctor's shows once there is an own one."""

    reader = serializers.CharField(source="reader.full_name")
    pictures = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = Reading
        fields = [
            "id",
            "patient",
            "exam",
            "laterality",
            "category",
            "revision",
            "pictures",
            "reader",
            "created_at",
        ]

    def to_representation(self, instance: Reading) -> dict[str, Any]:
        """Ids as everywhere else; the row keeps them without hyphens."""
        shown: dict[str, Any] = super().to_representation(instance)
        return shown | {"pictures": [str(UUID(key)) for key in instance.pictures]}


class ReadingRequest(Shape):
    exam = serializers.UUIDField()
    pictures = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=64,
        help_text="The exam's pictures that were looked at: all of them.",
    )
    left = serializers.ChoiceField(ReadCategory.choices, allow_null=True, default=None)
    right = serializers.ChoiceField(ReadCategory.choices, allow_null=True, default=None)


class RecordedReadingsSerializer(serializers.Serializer):
    results = ReadingSerializer(many=True)


class ArbitrationSerializer(Answer):
    arbiter = serializers.CharField(source="arbiter.full_name")

    class Meta:
        model = Arbitration
        fields = [
            "id",
            "patient",
            "exam",
            "laterality",
            "category",
            "reason",
            "arbiter",
            "created_at",
        ]


class ArbitrationRequest(Shape):
    exam = serializers.UUIDField()
    laterality = serializers.ChoiceField(Laterality.choices)
    category = serializers.ChoiceField(ReadCategory.choices)
    reason = serializers.CharField(max_length=2000)


class ReadersViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = dict.fromkeys(("list", "retrieve", "create", "due"), Permission.RECORD_READINGS)
    filters = OfPatient


class ReadingViewSet(ReadersViewSet):
    serializer_class = ReadingSerializer

    def get_queryset(self) -> QuerySet[Reading]:
        return selectors.readings_visible_to(self.user)

    @extend_schema(request=ReadingRequest, responses={201: RecordedReadingsSerializer})
    def create(self, request: Request) -> Response:
        """Give a category for each breast of the exam; null where it has no picture of one."""
        said = self.asked(ReadingRequest)
        categories = {Laterality.LEFT: said["left"], Laterality.RIGHT: said["right"]}
        made = record_reading(
            exam_visible_to(self.user, said["exam"]),
            categories={side: category for side, category in categories.items() if category},
            pictures=said["pictures"],
            reader=self.user,
        )
        return Response(
            {"results": self.get_serializer(made, many=True).data},
            status=status.HTTP_201_CREATED,
        )

    @extend_schema(operation_id="readings_due", responses=ExamSerializer(many=True))
    @action(detail=False, methods=["get"], filters=NoFilters)
    def due(self, request: Request) -> Response:
        """Exams that the caller has not read yet; none in a clinic that does not read blind."""
        page = self.paginate_queryset(selectors.exams_to_read(self.user))
        return self.get_paginated_response(ExamSerializer(page, many=True).data)


class ArbitrationViewSet(ReadersViewSet):
    serializer_class = ArbitrationSerializer

    def get_queryset(self) -> QuerySet[Arbitration]:
        return selectors.arbitrations_visible_to(self.user)

    @extend_schema(request=ArbitrationRequest, responses={201: ArbitrationSerializer})
    def create(self, request: Request) -> Response:
        """Settle a breast that the first two readers saw differently, as a third doctor."""
        said = self.asked(ArbitrationRequest)
        made = arbitrate(exam_visible_to(self.user, said.pop("exam")), **said, arbiter=self.user)
        return self.created(made, at="api:arbitration-detail")

    @extend_schema(operation_id="arbitrations_due", responses=ExamSerializer(many=True))
    @action(detail=False, methods=["get"], filters=NoFilters, pagination_class=None)
    def due(self, request: Request) -> Response:
        """Exams of which two other doctors saw a breast differently."""
        return Response(ExamSerializer(selectors.breasts_to_settle(self.user), many=True).data)
