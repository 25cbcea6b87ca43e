"""Webhooks over HTTP: a program registers where it wants to be told of events."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.versions import IF_MATCH, etag, expected_version
from mammotrack.api.viewsets import ApiViewSet
from mammotrack.webhooks import selectors, services
from mammotrack.webhooks.events import EVENTS
from mammotrack.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint


class WebhookSerializer(Answer):
    events = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "clinic", "label", "url", "events", "is_active", "version", "created_at"]


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="To verify with. Shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookChange(Shape):
    label = serializers.CharField(max_length=80)  # type: ignore[assignment]  # a field
    url = serializers.CharField(max_length=500)
    events = serializers.ListField(
        child=serializers.ChoiceField([(event, event) for event in EVENTS]),
        min_length=1,
        max_length=len(EVENTS),
    )
    is_active = serializers.BooleanField(required=False)


class NewWebhook(WebhookChange):
    clinic = serializers.UUIDField()
    is_active = None  # type: ignore[assignment]  # a new one is


class DeliverySerializer(Answer):
    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "event",
            "state",
            "attempt",
            "due_at",
            "last_status",
            "last_error",
            "delivered_at",
            "created_at",
        ]


class DeliveryFilters(Shape):
    state = serializers.ChoiceField(DeliveryState.choices, required=False)


class WebhookViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "rotate"), Permission.MANAGE_WEBHOOKS
    )
    serializer_class = WebhookSerializer

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return selectors.endpoints_of(self.user)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._answer(self.get_object())

    @extend_schema(request=NewWebhook, responses={201: WebhookWithSecretSerializer})
    def create(self, request: Request) -> Response:
        fields = self.asked(NewWebhook)
        endpoint, secret = services.register_endpoint(
            clinic_id=fields.pop("clinic"), **fields, registered_by=self.user
        )
        here = reverse("api:webhook-detail", [endpoint.pk])
        return self._with_secret(endpoint, secret, status.HTTP_201_CREATED, Location=here)

    @extend_schema(request=WebhookChange(partial=True), parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: UUID) -> Response:
        endpoint, version = self.get_object(), expected_version(request)
        wanted = self.asked(WebhookChange, partial=True)
        services.change_endpoint(endpoint, expected_version=version, changed_by=self.user, **wanted)
        return self._answer(endpoint)

    @extend_schema(request=None, responses=WebhookWithSecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate(self, request: Request, pk: UUID) -> Response:
        """A new secret; what is sent is signed with it and with the one before."""
        endpoint = self.get_object()
        secret = services.rotate_secret(endpoint, rotated_by=self.user)
        return self._with_secret(endpoint, secret, status.HTTP_200_OK)

    def _answer(self, endpoint: WebhookEndpoint) -> Response:
        return Response(self.get_serializer(endpoint).data, headers=etag(endpoint.version))

    def _with_secret(
        self, endpoint: WebhookEndpoint, secret: str, status: int, **headers: str
    ) -> Response:
        body = WebhookSerializer(endpoint).data | {"secret": secret}
        return Response(body, status=status, headers=etag(endpoint.version) | headers)


class DeliveryViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """What was sent to an endpoint, or is on its way."""

    permissions = dict.fromkeys(("list", "retrieve", "resend"), Permission.MANAGE_WEBHOOKS)
    filters = DeliveryFilters
    serializer_class = DeliverySerializer

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        return selectors.deliveries_of(self.user, endpoint_id=self.kwargs["webhook_id"])

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, **kwargs: Any) -> Response:
        """Begin anew with a delivery that was given up."""
        delivery = services.resend(self.get_object(), asked_by=self.user)
        return Response(self.get_serializer(delivery).data)
