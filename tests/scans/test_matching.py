"""Files that wait for a person: compared with a record, then attached, or discarded."""

from datetime import date
from uuid import uuid4

import pytest
from django.urls import reverse

from analysis.integrity import check
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action
from mammotrack.audit.selectors import private_values
from scans.arrivals import AlreadyResolved, attach_file, take_arrival
from scans.choices import UnmatchedState
from scans.models import Mammogram, UnmatchedFile
from scans.services import Statement
from tests.audit import entries, reads
from tests.dicom_files import mammogram, write_dicom
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.web import assert_strict, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

COMPARED = ["name", "medical_record_number"]


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def patient(clinic):
    return make_patient(
        clinic,
        medical_record_number="MRN-9",
        family_name="Right",
        given_name="Person",
        birth_date=date(1970, 2, 3),
    )


@pytest.fixture
def content(tmp_path):
    ds = mammogram(PatientID="WRONG-1", PatientName="Wrong^Number")
    return write_dicom(tmp_path / "x.dcm", ds).read_bytes()


@pytest.fixture
def file(clinic, content):
    gateway = make_user(Role.INTEGRATOR, clinics=[clinic])
    waiting = take_arrival([content], sent_by=gateway)
    assert isinstance(waiting, UnmatchedFile)
    return waiting


@pytest.fixture
def radiographer(clinic):
    return make_user(Role.RADIOGRAPHER, clinics=[clinic])


def attach(client, file, patient, **fields):
    body = {"patient": str(patient.pk), "confirmed_identifiers": COMPARED}
    return client.post(reverse("scans:attach", args=[file.pk]), body | fields)


def test_the_list_and_the_file_show_what_it_says(radiographer, file):
    client = signed_in(radiographer)

    listed = client.get(reverse("scans:unmatched"))
    page = client.get(reverse("scans:unmatched-file", args=[file.pk]))
    picture = client.get(reverse("scans:unmatched-picture", args=[file.pk]))

    for answer in (listed, page):
        assert_strict(answer)
        assert b"Wrong, Number" in answer.content
        assert b"WRONG-1" in answer.content
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert b"".join(picture.streaming_content).startswith(b"\xff\xd8")


def test_choosing_a_patient_shows_both_and_stores_nothing(radiographer, file, patient):
    client = signed_in(radiographer)
    address = reverse("scans:unmatched-file", args=[file.pk])

    page = client.post(address, {"record_number": "mrn 9"})
    unknown = client.post(address, {"record_number": "MRN-404"})

    assert [(row.label, row.differs) for row in page.context["identities"]] == [
        ("Name", True),
        ("Record number", True),
        ("Birth date", False),
        ("Sex", False),
    ]
    assert b"Right, Person" in page.content
    assert (unknown.status_code, unknown.context["identities"]) == (422, [])
    assert Mammogram.objects.count() == 0


def test_attaching_takes_two_identifiers_and_a_reason(radiographer, file, patient):
    client = signed_in(radiographer)

    one = attach(client, file, patient, confirmed_identifiers=["name"])
    no_reason = attach(client, file, patient)

    assert one.status_code == 422
    assert (no_reason.status_code, no_reason.context["refusal"].code) == (409, "patient_mismatch")
    assert (Mammogram.objects.count(), UnmatchedFile.objects.get().state) == (0, "WAITING")


def test_attaching_stores_the_file_and_seals_both_identities(
    radiographer, file, patient, content, store
):
    answer = attach(
        signed_in(radiographer), file, patient, identity_reason="Number mistyped at the modality"
    )

    stored = Mammogram.objects.get()
    assert (answer.status_code, stored.patient_id) == (302, patient.pk)
    assert store.path_of(stored.sha256).read_bytes() == content
    resolved = UnmatchedFile.objects.get()
    assert (resolved.state, resolved.mammogram_id, resolved.header) == ("ATTACHED", stored.pk, {})
    assert resolved.resolved_by == radiographer
    (entry,) = entries(Action.FILE_ATTACHED)
    assert (entry.patient_id, entry.actor) == (patient.pk, radiographer)
    assert "WRONG-1" not in str(entry.detail)
    assert private_values(entry) == {
        "file": {
            "patient_id": "WRONG-1",
            "patient_name": "Wrong^Number",
            "patient_birth_date": "1970-02-03",
            "patient_sex": "F",
        },
        "record": {
            "patient_id": "MRN-9",
            "patient_name": "Right^Person",
            "patient_birth_date": "1970-02-03",
            "patient_sex": "F",
        },
    }
    assert [
        problem for problem in check() if "mammogram" in problem.what or "file" in problem.what
    ] == []


def test_an_attached_file_sent_again_is_the_stored_one(
    radiographer, file, patient, content, clinic
):
    attach(signed_in(radiographer), file, patient, identity_reason="Number mistyped")
    gateway = make_user(Role.INTEGRATOR, clinics=[clinic])

    again = take_arrival([content], sent_by=gateway)

    assert (again.mammogram, again.created) == (Mammogram.objects.get(), False)


def test_a_file_is_attached_once(radiographer, file, patient):
    said = Statement(confirmed_identifiers=tuple(COMPARED), identity_reason="Mistyped")
    attach_file(file, patient, statement=said, attached_by=radiographer)
    client = signed_in(radiographer)

    with pytest.raises(AlreadyResolved):  # another tab still had it open
        attach_file(file, patient, statement=said, attached_by=radiographer)

    assert attach(client, file, patient).status_code == 404
    assert (Mammogram.objects.count(), len(entries(Action.FILE_ATTACHED))) == (1, 1)


def test_discarding_removes_the_file_and_who_it_named(radiographer, file, content, clinic, store):
    client = signed_in(radiographer)
    address = reverse("scans:discard", args=[file.pk])

    assert client.post(address, {"reason": "because"}).status_code == 422
    assert client.post(address, {"reason": "NOT_OURS"}).status_code == 302

    gone = UnmatchedFile.objects.get()
    assert (gone.state, gone.header) == (UnmatchedState.DISCARDED, {})
    assert not store.path_of(gone.sha256).exists()
    assert entries(Action.FILE_DISCARDED)[0].detail["why"] == "NOT_OURS"
    gateway = make_user(Role.INTEGRATOR, clinics=[clinic])
    reopened = take_arrival([content], sent_by=gateway)
    assert (reopened.pk, reopened.state) == (file.pk, "WAITING")
    assert store.path_of(reopened.sha256).exists()
    assert [
        problem for problem in check() if "mammogram" in problem.what or "file" in problem.what
    ] == []


def test_Z02_another_clinics_file_and_patient_do_not_exist(file, patient, radiographer):
    stranger = signed_in(make_user(Role.RADIOGRAPHER, clinics=[make_clinic()]))
    foreign = make_patient(make_clinic())

    assert list(stranger.get(reverse("scans:unmatched")).context["rows"]) == []
    for name in ("unmatched-file", "unmatched-picture"):
        assert stranger.get(reverse(f"scans:{name}", args=[file.pk])).status_code == 404
    assert attach(stranger, file, patient).status_code == 404
    assert attach(signed_in(radiographer), file, foreign).status_code == 404
    assert (
        signed_in(radiographer).get(reverse("scans:unmatched-file", args=[uuid4()])).status_code
        == 404
    )


def test_a_program_does_not_match_files(clinic, file):
    gateway = signed_in(make_user(Role.INTEGRATOR, clinics=[clinic]))

    assert gateway.get(reverse("scans:unmatched")).status_code == 403


def test_R10_opening_a_file_that_waits_leaves_a_trace(radiographer, file):
    signed_in(radiographer).get(reverse("scans:unmatched-file", args=[file.pk]))

    assert reads()[-1].patient_id == file.pk
