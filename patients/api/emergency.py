"""Breaking the glass over HTTP: for a person at a browser, and for who watches."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients import selectors, services
from patients.api.shared import PartialDateField
from patients.models import EmergencyAccess


class EmergencyAccessSerializer(Answer):
    opened_by = serializers.CharField(source="opened_by.full_name")
    reviewed_by = serializers.CharField(
        source="reviewed_by.full_name", allow_null=True, default=None
    )

    class Meta:
        model = EmergencyAccess
        fields = [
            "id",
            "clinic",
            "patient",
            "opened_by",
            "reason",
            "expires_at",
            "ended_at",
            "reviewed_by",
            "reviewed_at",
            "created_at",
        ]


class NewEmergencyAccess(Shape):
    """Two identifiers of somebody whose record one does not see, and why it cannot wait."""

    clinic = serializers.UUIDField(help_text="That keeps the record.")
    medical_record_number = serializers.CharField(max_length=64)
    birth_date = PartialDateField()
    reason = serializers.CharField(max_length=500)


class EmergencyAccessViewSet(ListModelMixin, ApiViewSet):
    permissions = {
        "list": Permission.READ_AUDIT,
        "create": Permission.BREAK_GLASS,
        "end": Permission.BREAK_GLASS,
        "review": Permission.READ_AUDIT,
    }
    serializer_class = EmergencyAccessSerializer

    def get_queryset(self) -> QuerySet[EmergencyAccess]:
        return selectors.emergency_accesses(self.user)

    @extend_schema(request=NewEmergencyAccess, responses={201: EmergencyAccessSerializer})
    def create(self, request: Request) -> Response:
        """Open one patient's record of any clinic, to read it for half an hour."""
        said: dict[str, Any] = self.asked(NewEmergencyAccess)
        access = services.break_glass(clinic_id=said.pop("clinic"), **said, opened_by=self.user)
        return Response(self.get_serializer(access).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=EmergencyAccessSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: UUID) -> Response:
        """Close one's own access before its time."""
        access = selectors.own_access(self.user, pk)
        services.end_access(access, ended_by=self.user)
        return Response(self.get_serializer(access).data)

    @extend_schema(request=None, responses=EmergencyAccessSerializer)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: UUID) -> Response:
        """Note that the clinic has looked at it."""
        access = selectors.emergency_access(self.user, pk)
        services.review_access(access, reviewed_by=self.user)
        return Response(self.get_serializer(selectors.emergency_access(self.user, pk)).data)
