"""Endpoints and deliveries, of the clinics of who asks."""

from uuid import UUID

from django.db.models import QuerySet

from mammotrack.accounts.models import User
from mammotrack.errors import NotFound
from mammotrack.webhooks.models import WebhookDelivery, WebhookEndpoint


def endpoints_of(user: User) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(clinic_id__in=user.clinic_ids)


def deliveries_of(user: User, *, endpoint_id: UUID) -> QuerySet[WebhookDelivery]:
    """Raises ``NotFound`` for an endpoint of another clinic as for none."""
    if not endpoints_of(user).filter(pk=endpoint_id).exists():
        raise NotFound("There is no such endpoint.")
    return WebhookDelivery.objects.filter(endpoint_id=endpoint_id)
