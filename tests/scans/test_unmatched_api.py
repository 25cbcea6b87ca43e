"""Files that wait for a person, over HTTP: looked at, attached, discarded."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection

from mammotrack.accounts.models import Role
from scans.arrivals import discard_file
from scans.choices import DiscardReason
from scans.models import Mammogram, UnmatchedFile
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, take_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def file(clinic, tmp_path):
    return take_in(clinic, tmp_path / "x.dcm", PatientID="WRONG-1", PatientName="Wrong^Number")


@pytest.fixture
def radiographer(clinic):
    return Program(make_user(Role.RADIOGRAPHER, clinics=[clinic]), browser=True)


def test_I1_I7_a_waiting_file_is_listed_with_what_it_says_and_shown(radiographer, file):
    listed = radiographer.get("/unmatched-files/").json()["results"]
    one = radiographer.get(f"/unmatched-files/{file.pk}/").json()
    picture = radiographer.get(f"/unmatched-files/{file.pk}/picture/")

    assert listed == [one]
    assert (one["reason"], one["says"]["patient_id"]) == ("unknown_patient", "WRONG-1")
    assert b"".join(picture.streaming_content).startswith(b"\xff\xd8")


def test_I1_I7_a_person_attaches_it_with_a_reason(clinic, radiographer, file):
    patient = make_patient(clinic, birth_date=date(1970, 2, 3))
    body = {"patient": str(patient.pk), "confirmed_identifiers": ["name", "birth_date"]}

    refused = radiographer.post(f"/unmatched-files/{file.pk}/attach/", body)
    answer = radiographer.post(
        f"/unmatched-files/{file.pk}/attach/",
        body | {"identity_reason": "Typing error at the console, compared with the request."},
    )

    assert_problem(refused, 409, "patient_mismatch")
    assert answer.status_code == 201
    assert answer.json()["patient"] == str(patient.pk)
    assert Mammogram.objects.get().patient_id == patient.pk
    assert radiographer.get("/unmatched-files/").json()["results"] == []


def test_I1_I7_nobodys_file_is_discarded(radiographer, file, store):
    answer = radiographer.post(f"/unmatched-files/{file.pk}/discard/", {"reason": "NOT_OURS"})

    assert answer.status_code == 204
    assert UnmatchedFile.objects.get().state == "DISCARDED"
    assert not store.path_of(file.sha256).exists()


def test_a_file_that_is_attached_elsewhere_meanwhile_stays_on_disk(clinic, file, store):
    """The record is being written, under its lock, while somebody discards the same bytes."""
    radiographer = make_user(Role.RADIOGRAPHER, clinics=[clinic])

    def discard() -> None:
        try:
            discard_file(file, reason=DiscardReason.NOT_OURS, discarded_by=radiographer)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        with store.held(file.sha256):
            discarding = elsewhere.submit(discard)
            with pytest.raises(TimeoutError):
                discarding.result(timeout=1)
            assert UnmatchedFile.objects.get().state == "DISCARDED"
            make_mammogram(make_patient(clinic), sha256=file.sha256)
        discarding.result()

    assert store.path_of(file.sha256).exists()


def test_I2_Z02_no_key_and_no_other_clinic_gets_to_it(clinic, file):
    program = Program(make_user(Role.RADIOGRAPHER, clinics=[clinic]))
    stranger = Program(make_user(Role.RADIOGRAPHER, clinics=[make_clinic()]), browser=True)

    assert_problem(program.get("/unmatched-files/"), 403, "insufficient_scope")
    assert stranger.get("/unmatched-files/").json()["results"] == []
    for what in ("", "picture/"):
        assert_problem(stranger.get(f"/unmatched-files/{file.pk}/{what}"), 404, "not_found")
    for act, body in (("attach", {"patient": str(file.pk), "confirmed_identifiers": ["name"]}),):
        answer = stranger.post(f"/unmatched-files/{file.pk}/{act}/", body)
        assert_problem(answer, 404, "not_found")
    assert UnmatchedFile.objects.get().state == "WAITING"
