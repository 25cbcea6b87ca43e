"""Upload and pictures: what is stored, what a refusal shows, and who may look."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.audit.selectors import private_values
from scans.models import Mammogram
from tests.audit import reads
from tests.dicom_files import breast, mammogram, png, write_dicom
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import HTMX, assert_status_by_role, assert_strict, signed_in

pytestmark = pytest.mark.django_db

UPLOADERS = {
    Role.RECEPTIONIST: 403,
    Role.RADIOGRAPHER: 200,
    Role.DOCTOR: 200,
    Role.RESEARCHER: 403,
    Role.ADMIN: 403,
}


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def patient(clinic):
    return make_patient(clinic, medical_record_number="MT-1", birth_date=date(1970, 5, 17))


@pytest.fixture
def radiographer(clinic):
    return make_user(Role.RADIOGRAPHER, clinics=[clinic])


@pytest.fixture
def picture() -> bytes:
    return png(breast())


@pytest.fixture
def send(radiographer, patient, picture, store, hints):
    """Send one file as the page's script does; the fields are those of the form."""

    def send_file(content: bytes = picture, *, to=patient, htmx: bool = True, **fields: str):
        return signed_in(radiographer).post(
            reverse("scans:store", args=[to.pk]),
            {
                "confirmed_identifiers": ["name", "birth_date"],
                "laterality": "L",
                "view": "CC",
                "exam_date": "2024-06-01",
                "file": SimpleUploadedFile("x.png", content),
                **fields,
            },
            headers=HTMX if htmx else {},
        )

    return send_file


def test_upload_page_opens_for_those_who_upload(patient, clinic):
    path = reverse("scans:upload", args=[patient.pk])
    users = {role: make_user(role, clinics=[clinic]) for role in UPLOADERS}

    assert_status_by_role(path, UPLOADERS, users)
    assert_strict(signed_in(users[Role.DOCTOR]).get(path))


def test_another_clinics_patient_takes_no_file(radiographer, send):
    foreign = make_patient()

    page = signed_in(radiographer).get(reverse("scans:upload", args=[foreign.pk]))
    answer = send(to=foreign)

    assert (page.status_code, answer.status_code) == (404, 404)
    assert not Mammogram.objects.exists()


def test_a_stored_file_is_confirmed_in_its_row(send):
    answer = send()

    stored = Mammogram.objects.get()
    assert answer.status_code == 201
    assert (stored.laterality, stored.view, stored.exam_date) == ("L", "CC", date(2024, 6, 1))
    assert "<html" not in answer.content.decode()
    assert reverse("analysis:of-mammogram", args=[stored.pk]) in answer.content.decode()


def test_without_script_the_whole_page_answers(send):
    answer = send(htmx=False)

    assert answer.status_code == 201
    assert_strict(answer)
    assert "Stored" in answer.content.decode()


def test_the_same_file_again_is_said_to_be_there(send):
    send()

    answer = send()

    assert answer.status_code == 200
    assert "Already stored" in answer.content.decode()
    assert Mammogram.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"content": b"no picture at all"}, (415, "unsupported_file_type")),
        ({"content": b""}, (422, "empty_file")),
        ({"view": ""}, (422, "missing_position")),
        ({"exam_date": "2999-01-01"}, (422, "invalid_exam_date")),
    ],
)
def test_a_refused_file_shows_its_code_and_stores_nothing(sent, expected, send, hints):
    answer = send(**sent)

    assert (answer.status_code, answer.context["refusal"].code) == expected
    assert expected[1] in answer.content.decode()
    assert not Mammogram.objects.exists()
    assert hints == []


def test_an_unconfirmed_patient_stores_nothing(send):
    answer = send(confirmed_identifiers=["name"])

    assert answer.status_code == 422
    assert "Compare at least two" in answer.content.decode()
    assert not Mammogram.objects.exists()


def test_a_file_of_somebody_else_needs_a_reason(send, tmp_path):
    content = write_dicom(
        tmp_path / "x.dcm", mammogram(PatientID="OTHER-9", PatientBirthDate="19500101")
    ).read_bytes()
    file_speaks = {"laterality": "", "view": "", "exam_date": ""}

    refused = send(content, **file_speaks)

    rows = {
        row.label: (row.in_file, row.elsewhere) for row in refused.context["refusal"].contradictions
    }
    assert (refused.status_code, refused.context["refusal"].code) == (409, "patient_mismatch")
    assert rows["Record number"] == ("OTHER-9", "MT-1")
    assert rows["Birth date"] == ("1950-01-01", "1970-05-17")
    assert not Mammogram.objects.exists()

    taken = send(content, identity_reason="Number of the sender", **file_speaks)

    assert taken.status_code == 201
    entry = AuditEntry.objects.get(action=Action.MAMMOGRAM_STORED)
    assert private_values(entry) == {"identity_reason": "Number of the sender"}


def test_a_form_against_the_file_is_shown_side_by_side(send, tmp_path):
    content = write_dicom(
        tmp_path / "x.dcm",
        mammogram(PatientID="MT-1", PatientBirthDate="19700517", ImageLaterality="R"),
    ).read_bytes()

    answer = send(content, laterality="L", view="", exam_date="")

    row = answer.context["refusal"].contradictions[0]
    assert (answer.status_code, answer.context["refusal"].code) == (409, "header_conflict")
    assert (row.label, row.in_file, row.elsewhere) == ("Breast", "Right", "Left")
    assert "Store as the file says" in answer.content.decode()
    assert not Mammogram.objects.exists()


@pytest.mark.parametrize("name", ["display", "thumbnail"])
def test_A6_a_picture_is_sent_private_and_under_an_opaque_name(name, radiographer, store, send):
    send()
    stored = Mammogram.objects.get()

    answer = signed_in(radiographer).get(reverse(f"scans:{name}", args=[stored.pk]))

    expected = store.derived_path(stored.sha256, f"{name}.jpg").read_bytes()
    assert b"".join(answer.streaming_content) == expected
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{stored.pk}.jpg"'


def test_A4_opening_a_picture_leaves_a_trace(radiographer, send):
    send()
    stored = Mammogram.objects.get()

    signed_in(radiographer).get(reverse("scans:display", args=[stored.pk])).close()

    entry = reads()[-1]
    assert (entry.detail["view"], entry.object_id, entry.actor_id) == (
        "scans:display",
        stored.pk,
        radiographer.pk,
    )


@pytest.mark.parametrize("name", ["display", "thumbnail"])
def test_A6_pictures_of_others_do_not_exist(name, radiographer, clinic, store):
    foreign = make_mammogram(make_patient())
    without_file = make_mammogram(make_patient(clinic))
    client = signed_in(radiographer)

    for mammogram_id in (foreign.pk, without_file.pk, make_clinic().pk):
        path = reverse(f"scans:{name}", args=[mammogram_id])
        assert client.get(path).status_code == 404

    clerk = make_user(Role.RECEPTIONIST, clinics=[clinic])
    path = reverse(f"scans:{name}", args=[without_file.pk])
    assert signed_in(clerk).get(path).status_code == 403
