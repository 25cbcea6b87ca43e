"""Endpoints and what is sent to them.

An event is written down in the transaction of the change it tells of, so none is lost and none
tells of something that was not saved. Sending is a job with a lease, tried again after ever
longer pauses; who receives recognises a repetition by its ``webhook-id``.
"""

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from mammotrack.accounts.models import User
from mammotrack.audit.people import record_change
from mammotrack.db import atomic, on_commit, retry_on_conflict
from mammotrack.errors import Conflict, NotFound, Rejected, StaleVersion
from mammotrack.models import now
from mammotrack.queue import hint
from mammotrack.webhooks import network, signing
from mammotrack.webhooks.events import EVENTS
from mammotrack.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

DELIVER = "webhooks.deliver"
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
)
LEASE = timedelta(seconds=60)
MOST_AT_ONCE = 50
MOST_ENDPOINTS = 20  # of a clinic


class UnknownEvent(Rejected):
    code = "unknown_event"


class TooManyEndpoints(Conflict):
    code = "too_many_endpoints"


class NotDead(Conflict):
    """It is on its way, or arrived."""

    code = "delivery_not_dead"


@retry_on_conflict
def register_endpoint(
    *, clinic_id: UUID, label: str, url: str, events: Collection[str], registered_by: User
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; returns it with its secret, which is shown this once."""
    if clinic_id not in registered_by.clinic_ids:
        raise NotFound("There is no such clinic.")
    network.judged(url)
    secret = signing.new_secret()
    endpoint = WebhookEndpoint(
        clinic_id=clinic_id,
        label=label,
        url=url,
        events=_checked(events),
        sealed_secrets=[signing.seal(secret)],
    )
    if WebhookEndpoint.objects.filter(clinic_id=clinic_id).count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints(f"A clinic has at most {MOST_ENDPOINTS} endpoints.")
    with atomic():
        endpoint.save(force_insert=True)
        record_change(endpoint, actor=registered_by)
    return endpoint, secret


@retry_on_conflict
def change_endpoint(
    endpoint: WebhookEndpoint, *, expected_version: int, changed_by: User, **values: Any
) -> None:
    """Raises ``StaleVersion`` if somebody changed it since that version."""
    if "url" in values:
        network.judged(values["url"])
    if "events" in values:
        values["events"] = _checked(values["events"])
    _save(endpoint, expected_version, values, changed_by)


@retry_on_conflict
def rotate_secret(endpoint: WebhookEndpoint, *, rotated_by: User) -> str:
    """A new secret beside the one in use, which lasts until the next rotation."""
    secret = signing.new_secret()
    kept = [signing.seal(secret), *endpoint.sealed_secrets][: signing.MOST_SECRETS]
    _save(endpoint, endpoint.version, {"sealed_secrets": kept}, rotated_by)
    return secret


def _save(
    endpoint: WebhookEndpoint, version: int, values: Mapping[str, Any], changed_by: User
) -> None:
    with atomic():
        seen = WebhookEndpoint.objects.filter(pk=endpoint.pk, version=version)
        if not seen.update(version=version + 1, **values):
            raise StaleVersion("Somebody changed this endpoint meanwhile. Load it again.")
        for name, value in {**values, "version": version + 1}.items():
            setattr(endpoint, name, value)
        record_change(endpoint, actor=changed_by)


def _checked(events: Collection[str]) -> list[str]:
    if not events or not set(events) <= set(EVENTS):
        raise UnknownEvent(f"There are: {', '.join(EVENTS)}.")
    return sorted(set(events))


def announce(event: str, *, clinic_id: UUID, data: Mapping[str, str | None]) -> None:
    """Write the event down for every endpoint of the clinic that wants it, with the change."""
    if event not in EVENTS:
        return
    wanting = WebhookEndpoint.objects.filter(clinic_id=clinic_id, is_active=True)
    moment = now()
    payload = json.dumps({"type": event, "timestamp": moment.isoformat(), "data": data})
    for endpoint in wanting:
        if event in endpoint.events:
            delivery = WebhookDelivery(
                clinic_id=clinic_id, endpoint=endpoint, event=event, payload=payload
            )
            delivery.save(force_insert=True)
            on_commit(partial(hint, DELIVER))


def deliver_due() -> int:
    """Try every delivery whose time has come; returns how many arrived."""
    arrived = 0
    waiting = WebhookDelivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now())
    unreachable: set[UUID] = set()
    for delivery in waiting.select_related("endpoint").order_by("due_at", "pk")[:MOST_AT_ONCE]:
        if delivery.endpoint_id in unreachable or not _claimed(delivery):
            continue
        if _sent(delivery):
            arrived += 1
        else:
            unreachable.add(delivery.endpoint_id)  # its others wait for the next round
    return arrived


def _claimed(delivery: WebhookDelivery) -> bool:
    """Take the right to send it: a worker that dies with it loses it after the lease."""
    free = WebhookDelivery.objects.filter(
        pk=delivery.pk,
        state=DeliveryState.PENDING,
        due_at=delivery.due_at,
        attempt=delivery.attempt,
    )
    return free.update(due_at=now() + LEASE, attempt=delivery.attempt + 1) == 1


def _sent(delivery: WebhookDelivery) -> bool:
    endpoint, moment = delivery.endpoint, now()
    body = delivery.payload.encode()
    secrets = [signing.unseal(sealed) for sealed in endpoint.sealed_secrets]
    headers = signing.signed_headers(delivery.message_id, at=moment, body=body, secrets=secrets) | {
        "Content-Type": "application/json",
        "User-Agent": "MammoTrack",
    }
    outcome: dict[str, Any]
    try:
        status = network.post(_target(endpoint), body, headers)
    except network.Undeliverable as error:
        outcome = _failed(delivery, error)
    else:
        outcome = {
            "state": DeliveryState.DELIVERED,
            "delivered_at": moment,
            "last_status": status,
            "last_error": "",
        }
    mine = WebhookDelivery.objects.filter(pk=delivery.pk, attempt=delivery.attempt + 1)
    mine.update(**outcome)
    return outcome.get("state") == DeliveryState.DELIVERED


def _target(endpoint: WebhookEndpoint) -> network.Target:
    """Judged anew with each attempt: what its name leads to may have changed."""
    if not endpoint.is_active:
        raise network.Undeliverable("endpoint_off")
    try:
        return network.judged(endpoint.url)
    except network.WebhookAddressRefused as error:
        raise network.Undeliverable("address_refused") from error


def _failed(delivery: WebhookDelivery, error: network.Undeliverable) -> dict[str, Any]:
    known = {"last_error": error.reason, "last_status": error.status}
    if delivery.attempt >= len(PAUSES):
        return {"state": DeliveryState.DEAD, **known}
    return {"due_at": now() + PAUSES[delivery.attempt], **known}


@retry_on_conflict
def resend(delivery: WebhookDelivery, *, asked_by: User) -> WebhookDelivery:
    """Begin anew with one that was given up, under the same id."""
    with atomic():
        dead = WebhookDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.DEAD)
        if not dead.update(state=DeliveryState.PENDING, attempt=0, due_at=now()):
            raise NotDead("This delivery was not given up.")
        record_change(delivery, actor=asked_by)
        on_commit(partial(hint, DELIVER))
    return WebhookDelivery.objects.get(pk=delivery.pk)
