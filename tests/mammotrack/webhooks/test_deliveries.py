"""A receiver that nobody here wrote is told of events: signed, by id, again and again, once."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.urls import reverse
from standardwebhooks import Webhook, WebhookVerificationError

from mammotrack.accounts.models import Role
from mammotrack.db import atomic
from mammotrack.models import now
from mammotrack.webhooks import services
from mammotrack.webhooks.events import EVENTS
from mammotrack.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from patients.services import update_patient
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.web import signed_in

pytestmark = pytest.mark.django_db

LOOPBACK = ["127.0.0.0/8"]


class Receiver(HTTPServer):
    """Keeps what arrives and answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.location = 204, ""
        self.received: list[tuple[dict[str, str], str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks?of=clinic"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = LOOPBACK
    with receiving() as running:
        yield running


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def integrator(clinic):
    return make_user(Role.INTEGRATOR, clinics=[clinic])


@pytest.fixture
def program(integrator):
    return Program(integrator)


def register(program, clinic, receiver, **fields):
    body = {
        "clinic": str(clinic.pk),
        "label": "Record system",
        "url": receiver.url,
        "events": ["patient.registered", "patient.updated"],
    } | fields
    return program.post("/webhooks/", body)


def registered(program, clinic, number="MRN 7"):
    identity = {
        "clinic": str(clinic.pk),
        "medical_record_number": number,
        "family_name": "Phantom",
        "given_name": "Ada",
        "birth_date": "1970-05-17",
        "sex": "F",
        "duplicate_reason": "Another person.",
    }
    return program.post("/patients/", identity).json()["id"]


def test_I10_an_event_arrives_signed_and_names_nobody(clinic, program, receiver):
    secret = register(program, clinic, receiver).json()["secret"]
    patient = registered(program, clinic)

    assert services.deliver_due() == 1

    ((headers, body),) = receiver.received
    delivery = WebhookDelivery.objects.get()
    assert Webhook(secret).verify(body, headers) == json.loads(body)
    assert headers["webhook-id"] == delivery.message_id
    assert json.loads(body) == {
        "type": "patient.registered",
        "timestamp": json.loads(body)["timestamp"],
        "data": {
            "clinic": str(clinic.pk),
            "patient": patient,
            "object_type": "patient",
            "object": patient,
        },
    }
    for name in ("Phantom", "Ada", "MRN", "1970-05", "19700517", "17.05.1970"):
        assert name not in body
    assert (delivery.state, delivery.last_status) == (DeliveryState.DELIVERED, 204)
    assert services.deliver_due() == 0
    assert len(receiver.received) == 1


def test_I10_only_wanted_events_of_the_own_clinic_are_sent(clinic, program, receiver):
    register(program, clinic, receiver, events=["patient.updated"])
    other = make_clinic()
    registered(program, clinic)
    registered(Program(make_user(Role.INTEGRATOR, clinics=[other])), other)

    assert not WebhookDelivery.objects.exists()


def test_I10_an_event_of_a_change_that_was_not_saved_is_none(clinic, program, receiver):
    register(program, clinic, receiver)
    patient = make_patient(clinic)
    doctor = make_user(Role.DOCTOR, clinics=[clinic])

    def change_and_fail():
        with atomic():
            update_patient(patient, expected_version=1, changed_by=doctor, sex="M")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()

    assert not WebhookDelivery.objects.exists()


def test_P09_a_receiver_that_was_down_for_an_hour_gets_all_afterwards(clinic, program, receiver):
    secret = register(program, clinic, receiver).json()["secret"]
    receiver.status = 503
    begin = now()
    with time_machine.travel(begin, tick=False) as clock:
        patients = [registered(program, clinic, f"MRN {n}") for n in range(5)]
        while now() < begin + timedelta(hours=1):
            services.deliver_due()
            clock.shift(5)
        tried = {headers["webhook-id"] for headers, _ in receiver.received}
        receiver.status, receiver.received = 204, []
        for _ in range(24):
            services.deliver_due()
            clock.shift(3600)

        ids = [headers["webhook-id"] for headers, _ in receiver.received]
        assert len(ids) == len(set(ids)) == 5
        assert tried == set(ids)
        assert {json.loads(body)["data"]["patient"] for _, body in receiver.received} == set(
            patients
        )
    headers, body = receiver.received[-1]
    sent_at = int(headers["webhook-timestamp"])
    with time_machine.travel(sent_at + 299):
        assert Webhook(secret).verify(body, headers)
    with time_machine.travel(sent_at + 301), pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_I10_pauses_grow_until_it_is_given_up_and_can_be_sent_again(
    clinic, program, integrator, receiver
):
    endpoint = register(program, clinic, receiver).json()["id"]
    receiver.status = 500
    with time_machine.travel(now(), tick=False) as clock:
        registered(program, clinic)
        waited = []
        while True:
            services.deliver_due()
            delivery = WebhookDelivery.objects.get()
            if delivery.state == DeliveryState.DEAD:
                break
            waited.append(round((delivery.due_at - now()).total_seconds()))
            clock.move_to(delivery.due_at)
        assert waited == [5, 30, 120, 600, 3600, 21600, 86400]
        assert (len(receiver.received), delivery.last_status) == (8, 500)

        path, program = f"/webhooks/{endpoint}/deliveries/", Program(integrator)
        dead = program.get(f"{path}?state=DEAD").json()["results"]
        assert [row["last_error"] for row in dead] == ["refused"]
        receiver.status = 204
        again = program.post(f"{path}{dead[0]['id']}/resend/")
        assert (again.status_code, again.json()["state"]) == (200, "PENDING")
        assert services.deliver_due() == 1
        assert_problem(program.post(f"{path}{dead[0]['id']}/resend/"), 409, "delivery_not_dead")
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


def test_I10_a_changed_secret_counts_beside_the_one_before(clinic, program, receiver):
    made = register(program, clinic, receiver).json()
    first = made["secret"]
    second = program.post(f"/webhooks/{made['id']}/rotate-secret/").json()["secret"]
    registered(program, clinic, "1")
    services.deliver_due()
    third = program.post(f"/webhooks/{made['id']}/rotate-secret/").json()["secret"]
    registered(program, clinic, "2")
    services.deliver_due()

    (before, body), (after, later) = receiver.received
    for secret in (first, second):
        assert Webhook(secret).verify(body, before)
    for secret in (second, third):
        assert Webhook(secret).verify(later, after)
    with pytest.raises(WebhookVerificationError):
        Webhook(first).verify(later, after)
    assert second not in str(WebhookEndpoint.objects.values().get())


def test_I10_what_a_dead_worker_took_is_sent_after_the_lease(clinic, program, receiver):
    register(program, clinic, receiver)
    registered(program, clinic)
    with time_machine.travel(now(), tick=False) as clock:
        assert services._claimed(WebhookDelivery.objects.get())  # and then it dies
        assert services.deliver_due() == 0
        clock.shift(services.LEASE)
        assert services.deliver_due() == 1


def test_I10_two_workers_send_it_once(clinic, program, receiver):
    register(program, clinic, receiver)
    registered(program, clinic)
    delivery = WebhookDelivery.objects.get()

    assert [services._claimed(delivery), services._claimed(delivery)] == [True, False]


def test_I07_an_answer_that_points_inside_is_not_followed(clinic, program, receiver):
    register(program, clinic, receiver)
    with receiving() as inside:
        receiver.status, receiver.location = 302, inside.url
        registered(program, clinic)

        assert services.deliver_due() == 0

        assert inside.received == []
    assert WebhookDelivery.objects.get().last_status == 302


def test_I07_a_name_that_changed_its_mind_is_refused_when_it_is_sent(
    clinic, program, receiver, settings
):
    register(program, clinic, receiver)
    registered(program, clinic)
    settings.WEBHOOK_NETWORKS = []  # what it leads to is inside now

    assert services.deliver_due() == 0

    assert receiver.received == []
    assert WebhookDelivery.objects.get().last_error == "address_refused"


def test_an_endpoint_is_changed_by_who_saw_it(clinic, program, receiver):
    made = register(program, clinic, receiver)
    path = f"/webhooks/{made.json()['id']}/"
    assert program.get(path).headers["ETag"] == made.headers["ETag"] == '"1"'

    off = program.patch(path, {"is_active": False}, headers={"If-Match": '"1"'})
    late = program.patch(path, {"label": "Other"}, headers={"If-Match": '"1"'})
    blind = program.patch(path, {"label": "Other"})
    inward = program.patch(path, {"url": "https://10.0.0.1/"}, headers={"If-Match": '"2"'})

    assert (off.status_code, off.json()["is_active"], off.headers["ETag"]) == (200, False, '"2"')
    assert_problem(late, 412, "stale_version")
    assert_problem(blind, 428, "precondition_required")
    assert_problem(inward, 422, "webhook_address_refused")
    registered(program, clinic)
    assert not WebhookDelivery.objects.exists()


def test_Z14_a_doctor_registers_no_webhook(clinic, receiver):
    doctor = Program(make_user(Role.DOCTOR, clinics=[clinic]))

    assert_problem(register(doctor, clinic, receiver), 403, "forbidden")


def test_Z15_no_webhook_for_another_clinic(program, receiver):
    assert_problem(register(program, make_clinic(), receiver), 404, "not_found")


def test_an_event_that_does_not_exist_is_refused(clinic, program, receiver):
    assert_problem(register(program, clinic, receiver, events=["x"]), 400, "invalid")
    assert_problem(register(program, clinic, receiver, events=[]), 400, "invalid")
    with pytest.raises(services.UnknownEvent):
        services._checked(["people.changed"])


def test_I10_the_administration_sends_again_what_was_given_up(clinic, program, receiver):
    register(program, clinic, receiver)
    registered(program, clinic, "1")
    registered(program, clinic, "2")
    dead, arrived = WebhookDelivery.objects.all()
    WebhookDelivery.objects.filter(pk=dead.pk).update(state=DeliveryState.DEAD, attempt=8)
    WebhookDelivery.objects.filter(pk=arrived.pk).update(state=DeliveryState.DELIVERED)
    browser = signed_in(make_user(Role.ADMIN, clinics=[clinic]))
    address = reverse("admin:webhooks_webhookdelivery_changelist")
    assert str(dead.pk) in browser.get(address).text

    form = {"action": "send_again", "_selected_action": [str(dead.pk), str(arrived.pk)]}
    assert browser.post(address, form).status_code == 302

    assert services.deliver_due() == 1
    assert [h["webhook-id"] for h, _ in receiver.received] == [dead.message_id]


def test_every_event_is_documented():
    text = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()

    for event in EVENTS:
        assert f"`{event}`" in text, event
