"""Consent over HTTP."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients import selectors, services
from patients.choices import ConsentPurpose
from patients.models import Consent


class ConsentSerializer(Answer):
    recorded_by = serializers.CharField(source="recorded_by.full_name")

    class Meta:
        model = Consent
        fields = [
            "id",
            "patient",
            "purpose",
            "given",
            "decided_on",
            "document_version",
            "recorded_by",
            "created_at",
        ]


class NewConsent(Shape):
    purpose = serializers.ChoiceField(ConsentPurpose.choices)
    given = serializers.BooleanField(help_text="False: withdrawn or refused.")
    decided_on = serializers.DateField()
    document_version = serializers.CharField(max_length=40, required=False)


class ConsentViewSet(ListModelMixin, ApiViewSet):
    """What the patient said, newest first; the newest of a purpose holds."""

    permissions = {"list": Permission.READ_PATIENTS, "create": Permission.RECORD_CONSENT}
    serializer_class = ConsentSerializer

    def get_queryset(self) -> QuerySet[Consent]:
        return selectors.consents_of(
            selectors.patient_visible_to(self.user, self.kwargs["patient_id"])
        )

    @extend_schema(request=NewConsent, responses={201: ConsentSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        patient = selectors.patient_visible_to(self.user, self.kwargs["patient_id"])
        wanted = NewConsent(data=request.data)
        wanted.is_valid(raise_exception=True)
        consent = services.record_consent(patient, **wanted.validated_data, recorded_by=self.user)
        return Response(self.get_serializer(consent).data, status=status.HTTP_201_CREATED)
