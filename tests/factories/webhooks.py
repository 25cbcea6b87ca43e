"""Endpoints of a clinic's programs, and what was sent to them."""

from mammotrack.accounts.models import Clinic
from mammotrack.webhooks import signing
from mammotrack.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from tests.factories import create


def make_delivery(clinic: Clinic, state: str = DeliveryState.DEAD) -> WebhookDelivery:
    """Given up, unless said otherwise, of an endpoint of its own."""
    endpoint = create(
        WebhookEndpoint,
        clinic=clinic,
        label="Record system",
        url="https://93.184.215.14/hook",
        events=["patient.erased"],
        sealed_secrets=[signing.seal(signing.new_secret())],
    )
    return create(
        WebhookDelivery,
        clinic=clinic,
        endpoint=endpoint,
        event="patient.erased",
        payload="{}",
        state=state,
    )
