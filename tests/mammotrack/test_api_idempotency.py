"""One Idempotency-Key, one effect, however often and however parallel it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from analysis.models import AnalysisJob
from mammotrack.accounts.models import Membership, Role
from mammotrack.api import idempotency
from mammotrack.api.models import RememberedRequest
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.models import now
from patients.models import Patient
from tests.api import Program, assert_problem
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram

pytestmark = pytest.mark.django_db

KEY = "0b5d3b86-registration-of-mrn-7"


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def integrator(clinic):
    return make_user(Role.INTEGRATOR, clinics=[clinic])


@pytest.fixture
def program(integrator):
    return Program(integrator)


def identity_of(clinic, **fields):
    return {
        "clinic": str(clinic.pk),
        "medical_record_number": "MRN 7",
        "family_name": "Phantom",
        "given_name": "Ada",
        "birth_date": "1970-05-17",
        "sex": "F",
    } | fields


def test_P01_I3_the_same_key_again_answers_what_was_done(clinic, program):
    first = program.post("/patients/", identity_of(clinic), key=KEY)
    again = program.post("/patients/", dict(reversed(identity_of(clinic).items())), key=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    for name in ("Location", "ETag"):
        assert again.headers[name] == first.headers[name]
    assert Patient.objects.count() == 1


def test_P01_fifty_at_once_with_one_key_create_one(clinic, integrator):
    programs = [Program() for _ in range(50)]
    _, text = make_token(integrator)
    for program in programs:
        program.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    def post(program):
        try:
            return program.post("/patients/", identity_of(clinic), key=KEY)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, programs))

    made = [answer for answer in answers if answer.status_code == 201]
    for waiting in answers:
        if waiting not in made:
            assert_problem(waiting, 409, "request_in_flight")
            assert waiting.headers["Retry-After"] == "1"
    replayed = [answer for answer in made if "Idempotent-Replayed" in answer.headers]
    assert len(made) - len(replayed) == 1
    assert {answer.json()["id"] for answer in made} == {str(Patient.objects.get().pk)}


def test_P02_the_same_key_with_another_body_is_refused(clinic, program):
    program.post("/patients/", identity_of(clinic), key=KEY)

    other = program.post("/patients/", identity_of(clinic, given_name="Eva"), key=KEY)
    elsewhere = program.post("/analyses/", {"current": str(clinic.pk)}, key=KEY)

    assert_problem(other, 422, "idempotency_key_reused")
    assert_problem(elsewhere, 422, "idempotency_key_reused")
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(("path", "kind"), [("/analyses/", "json"), ("/mammograms/", "multipart")])
def test_P02_a_key_is_needed_where_a_machine_starts_work(clinic, program, path, kind):
    field = {"json": "current", "multipart": "patient"}[kind]
    body = {field: str(make_mammogram(make_patient(clinic)).pk)}

    answer = program.client.post(f"/api/v1{path}", body, format=kind)

    assert_problem(answer, 400, "idempotency_key_required")
    assert not AnalysisJob.objects.exists()


@pytest.mark.parametrize("key", ["short", "with a space", "ü" * 9, "x" * 256, '"half-quoted-key'])
def test_a_key_out_of_shape_is_refused(clinic, program, key):
    headers = {"Idempotency-Key": key}

    answer = program.post("/patients/", identity_of(clinic), headers=headers)

    if key == '"half-quoted-key':
        assert answer.status_code == 201  # a quote is the header's own, not the key's
    else:
        assert_problem(answer, 400, "invalid_idempotency_key")
        assert not Patient.objects.exists()


def test_an_upload_is_the_same_however_its_form_was_framed(clinic, store, hints):
    from tests.scans.test_api import file, png

    program = Program(make_user(Role.RADIOGRAPHER, clinics=[clinic]))
    patient = make_patient(clinic)
    fields = {
        "patient": str(patient.pk),
        "laterality": "L",
        "view": "CC",
        "exam_date": "2024-06-01",
        "confirmed_identifiers": ["name", "birth_date"],
    }

    def post(content):
        body = fields | {"file": file(content)}
        return program.post("/mammograms/", body, format="multipart", key=KEY)

    first, again, other = post(png(1)), post(png(1)), post(png(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert_problem(other, 422, "idempotency_key_reused")


def test_after_an_error_the_key_is_free(clinic, program):
    make_patient(clinic, medical_record_number="MRN 7")
    taken = program.post("/patients/", identity_of(clinic), key=KEY)
    free = program.post("/patients/", identity_of(clinic, medical_record_number="8"), key=KEY)

    assert_problem(taken, 409, "duplicate_record_number")
    assert free.status_code == 201


def test_after_a_bug_the_key_is_free(clinic, program, monkeypatch):
    def burst(*args, **kwargs):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("patients.services.register_patient", burst)
        assert program.post("/patients/", identity_of(clinic), key=KEY).status_code == 500

    assert program.post("/patients/", identity_of(clinic), key=KEY).status_code == 201


def test_what_a_dead_process_left_claimed_is_free_after_the_lease(clinic, program):
    program.post("/patients/", identity_of(clinic), key=KEY)
    RememberedRequest.objects.update(status=None)

    assert_problem(
        program.post("/patients/", identity_of(clinic), key=KEY), 409, "request_in_flight"
    )
    RememberedRequest.objects.update(created_at=now() - idempotency.LEASE - timedelta(seconds=1))
    later = program.post("/patients/", identity_of(clinic), key=KEY)

    assert_problem(later, 409, "duplicate_record_number")  # it was done anew


def test_a_key_is_forgotten_after_a_day(clinic, program):
    with time_machine.travel(now() - timedelta(hours=25)):
        program = Program(make_user(Role.INTEGRATOR, clinics=[clinic]))
        program.post("/patients/", identity_of(clinic), key=KEY)

    assert idempotency.forget() == 1
    assert not RememberedRequest.objects.exists()


def test_a_key_of_yesterday_counts_no_more_though_nobody_swept(clinic, program):
    program.post("/patients/", identity_of(clinic), key=KEY)
    RememberedRequest.objects.update(created_at=now() - timedelta(hours=25))

    new = program.post("/patients/", identity_of(clinic, medical_record_number="8"), key=KEY)

    assert_problem(new, 409, "possible_duplicate")  # it was asked, not replayed


def test_keys_of_different_callers_do_not_meet(clinic, program):
    other = Program(make_user(Role.INTEGRATOR, clinics=[clinic]))
    program.post("/patients/", identity_of(clinic), key=KEY)

    answer = other.post(
        "/patients/",
        identity_of(clinic, medical_record_number="8", family_name="Other", birth_date="1950"),
        key=KEY,
    )

    assert answer.status_code == 201
    assert Patient.objects.count() == 2


def test_a_replay_is_a_read_of_the_patient_and_needs_the_clinic(clinic, program, integrator):
    made = program.post("/patients/", identity_of(clinic), key=KEY).json()["id"]
    before = len(entries())
    program.post("/patients/", identity_of(clinic), key=KEY)

    assert len(entries()) == before + 1
    read = AuditEntry.objects.order_by("-seq").first()
    assert (read.action, str(read.patient_id)) == (Action.RECORD_READ, made)
    Membership.objects.filter(user=integrator).delete()
    assert_problem(program.post("/patients/", identity_of(clinic), key=KEY), 404, "not_found")


def test_what_is_remembered_names_nobody(clinic, program):
    identity = identity_of(clinic, given_name="Adaline", medical_record_number="MRN-20261122")
    program.post("/patients/", identity, key=KEY)

    stored = str(RememberedRequest.objects.values().get())

    for hidden in ("Phantom", "Adaline", "MRN-20261122", KEY):
        assert hidden not in stored


def test_reads_by_post_are_not_remembered(clinic, program):
    program.post("/patients/search/", {"text": "Phantom"}, key=KEY)
    make_patient(clinic, family_name="Phantom")

    found = program.post("/patients/search/", {"text": "Phantom"}, key=KEY)

    assert len(found.json()["results"]) == 1
    assert not RememberedRequest.objects.exists()
