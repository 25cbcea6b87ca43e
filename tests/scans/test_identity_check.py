"""The right patient: two identifiers before a picture is attached, and one picture, one person."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.audit.selectors import private_values
from scans.models import Mammogram
from scans.services import IdentityUnconfirmed, Statement, store_mammogram
from tests.api import Program, assert_problem
from tests.dicom_files import breast, mammogram, png, write_dicom
from tests.factories.accounts import make_user
from tests.factories.patients import make_patient
from tests.web import HTMX, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

BOTH = ("name", "birth_date")


@pytest.fixture
def patient():
    return make_patient(medical_record_number="MRN-1", birth_date=date(1970, 2, 3), sex="F")


@pytest.fixture
def radiographer(patient):
    return make_user(Role.RADIOGRAPHER, clinics=[patient.clinic])


@pytest.fixture
def dicom(tmp_path):
    """The bytes of a file that names this patient unless told otherwise."""

    def make(**attributes) -> bytes:
        return write_dicom(tmp_path / "x.dcm", mammogram(**attributes)).read_bytes()

    return make


def post(user, patient, content: bytes, **fields):
    body = {"patient": str(patient.pk), "file": SimpleUploadedFile("x", content)} | fields
    return Program(user).post("/mammograms/", body, format="multipart")


@pytest.mark.parametrize(
    ("confirmed", "stored"),
    [
        ((), False),
        (("name",), False),
        (("name", "name"), False),
        (("shoe size", "name"), False),
        (("birth_date", "name"), True),
        (("medical_record_number", "name"), True),
    ],
)
def test_S6_a_file_that_names_nobody_needs_two_identifiers(
    patient, radiographer, confirmed, stored
):
    statement = Statement(
        laterality="L", view="CC", exam_date=date(2024, 1, 5), confirmed_identifiers=confirmed
    )
    upload = {"patient": patient, "chunks": [png(breast(bits=8))], "stored_by": radiographer}

    if stored:
        store_mammogram(**upload, statement=statement)
        detail = AuditEntry.objects.get(action=Action.MAMMOGRAM_STORED).detail
        assert detail["confirmed_identifiers"] == sorted(confirmed)
    else:
        with pytest.raises(IdentityUnconfirmed):
            store_mammogram(**upload, statement=statement)
    assert Mammogram.objects.exists() is stored


def test_S6_a_file_that_names_the_patient_twice_needs_nobody(patient, radiographer, dicom):
    assert post(radiographer, patient, dicom()).status_code == 201

    detail = AuditEntry.objects.get(action=Action.MAMMOGRAM_STORED).detail
    assert detail["confirmed_identifiers"] == ["birth_date", "medical_record_number"]
    assert detail["differing"] == []


def test_S6_one_identifier_of_the_file_and_one_of_a_person_are_two(patient, radiographer, dicom):
    content = dicom(PatientBirthDate=None)

    alone = post(radiographer, patient, content)
    assert_problem(alone, 422, "identity_unconfirmed")
    again = post(radiographer, patient, content, confirmed_identifiers=["name"])
    assert again.status_code == 201


def test_S6_a_mismatching_header_is_blocked_with_both_sides_shown(patient, radiographer, dicom):
    content = dicom(PatientID="OTHER-9", PatientBirthDate="19800101")

    answer = signed_in(radiographer).post(
        reverse("scans:store", args=[patient.pk]),
        {"confirmed_identifiers": BOTH, "file": SimpleUploadedFile("x.dcm", content)},
        headers=HTMX,
    )

    rows = {
        row.label: (row.in_file, row.elsewhere, row.differs)
        for row in answer.context["refusal"].contradictions
    }
    assert answer.status_code == 409
    assert rows == {
        "Record number": ("OTHER-9", "MRN-1", True),
        "Birth date": ("1980-01-01", "1970-02-03", True),
        "Sex": ("Female", "Female", False),
    }
    assert not Mammogram.objects.exists()


def test_S6_an_override_needs_a_reason_and_leaves_a_trace(patient, radiographer, dicom):
    content = dicom(PatientID="OLD-7", PatientBirthDate="19700301")
    said = {"confirmed_identifiers": ["name", "birth_date"]}

    assert_problem(post(radiographer, patient, content, **said), 409, "patient_mismatch")
    short = post(radiographer, patient, content, **said, identity_reason="ok")
    assert_problem(short, 409, "patient_mismatch")
    reason = "Birth date mistyped by the sender, identity card seen."
    taken = post(radiographer, patient, content, **said, identity_reason=reason)

    assert taken.status_code == 201
    entry = AuditEntry.objects.get(action=Action.MAMMOGRAM_STORED)
    assert entry.actor == radiographer
    assert private_values(entry) == {"identity_reason": reason}
    assert entry.detail["differing"] == ["birth_date", "medical_record_number"]


def test_S6_a_birth_date_known_in_part_agrees_with_any_of_its_days(radiographer, patient, dicom):
    partial = make_patient(
        patient.clinic,
        medical_record_number="MRN-2",
        birth_date=date(1970, 1, 1),
        birth_precision="YEAR",
        sex="F",
    )

    assert post(radiographer, partial, dicom(PatientID="MRN-2")).status_code == 201


def test_S9_the_same_file_twice_is_the_same_mammogram(patient, radiographer, dicom):
    content = dicom()

    first, second = (post(radiographer, patient, content) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize("same_file", [True, False])
def test_S9_the_same_pixels_under_another_patient_raise_a_blocking_alert(
    patient, radiographer, dicom, same_file
):
    pixels = breast(bits=12)
    mine = dicom(pixels=pixels)
    stored = post(radiographer, patient, mine).json()
    other = make_patient(
        patient.clinic, medical_record_number="MRN-2", birth_date=date(1970, 2, 3), sex="F"
    )
    theirs = mine
    if not same_file:
        theirs = dicom(
            pixels=pixels,
            PatientID="MRN-2",
            SOPInstanceUID="2.25.77",
            StudyInstanceUID="2.25.78",
        )

    answer = post(radiographer, other, theirs, identity_reason="Sent for this patient.")

    document = assert_problem(answer, 409, "pixels_of_another_patient")
    assert document["context"] == {"patient_id": str(patient.pk), "mammogram_id": stored["id"]}
    assert Mammogram.objects.count() == 1
    alert = AuditEntry.objects.get(action=Action.IDENTITY_ALERT)
    assert (alert.patient_id, alert.actor_id) == (other.pk, radiographer.pk)
    assert alert.detail == {
        "other_patient_id": str(patient.pk),
        "mammogram_id": stored["id"],
    }
    page = signed_in(radiographer).post(
        reverse("scans:store", args=[other.pk]),
        {"confirmed_identifiers": BOTH, "file": SimpleUploadedFile("x.dcm", theirs)},
        headers=HTMX,
    )
    assert "One picture cannot be of two people" in page.content.decode()
