"""The coded history of each breast, the family and the genes, and what it warns of."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from patients.models import HistoryEntry
from patients.partial_dates import PartialDate
from patients.services import record_history, retract_history
from scans.models import Mammogram
from tests.api import Program, assert_problem
from tests.dicom_files import breast, png
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.web import HTMX, assert_strict, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]


@pytest.fixture
def patient():
    return make_patient(birth_date=date(1970, 5, 17))


@pytest.fixture
def radiographer(patient):
    return make_user(Role.RADIOGRAPHER, clinics=[patient.clinic])


def mastectomy(patient, user, laterality: str, began: str | None) -> HistoryEntry:
    return record_history(
        patient,
        item="MASTECTOMY",
        laterality=laterality,
        began=PartialDate.parse(began) if began else None,
        recorded_by=user,
    )


def upload(user, patient, **fields):
    return signed_in(user).post(
        reverse("scans:store", args=[patient.pk]),
        {
            "confirmed_identifiers": ["name", "birth_date"],
            "laterality": "L",
            "view": "CC",
            "exam_date": "2024-06-01",
            "file": SimpleUploadedFile("x.png", png(breast())),
        }
        | fields,
        headers=HTMX,
    )


@pytest.mark.parametrize(
    ("laterality", "began", "exam_date", "warns"),
    [
        ("L", "2019", "2024-06-01", True),
        ("B", "2019-06", "2024-06-01", True),
        ("L", None, "2024-06-01", True),
        ("R", "2019", "2024-06-01", False),
        ("L", "2024-07-01", "2024-06-01", False),
    ],
)
def test_S12_left_mastectomy_on_file_and_uploading_lcc_warns(
    patient, radiographer, laterality, began, exam_date, warns
):
    mastectomy(patient, radiographer, laterality, began)

    answer = upload(radiographer, patient, exam_date=exam_date)

    assert answer.status_code == 201
    assert ("breast_removed" in Mammogram.objects.get().flags) is warns
    assert ("the left breast was removed" in answer.content.decode()) is warns


def test_S12_the_upload_page_says_it_before(patient, radiographer):
    mastectomy(patient, radiographer, "L", "2019-06")

    page = signed_in(radiographer).get(reverse("scans:upload", args=[patient.pk]))

    assert_strict(page)
    assert "On record: mastectomy, left, Jun 2019." in page.content.decode()


def test_S12_a_retracted_entry_warns_no_more_and_stays(patient, radiographer):
    entry = mastectomy(patient, radiographer, "L", "2019")
    retract_history(entry, reason="It was the right side.", retracted_by=radiographer)

    answer = upload(radiographer, patient)

    assert "breast_removed" not in answer.content.decode()
    page = signed_in(radiographer).get(reverse("patients:history", args=[patient.pk]))
    assert "It was the right side." in page.content.decode()


@pytest.mark.parametrize(
    ("entry", "coding"),
    [
        ({"item": "MASTECTOMY", "laterality": "L"}, ("icd-10-cm", "Z90.12")),
        ({"item": "IMPLANT", "laterality": "B", "began": "2010"}, None),
        ({"item": "HRT", "began": "2015-03"}, None),
        (
            {"item": "FAMILY_BREAST", "relative": "MOTHER", "age_at_onset": 44},
            ("icd-10-cm", "Z80.3"),
        ),
        ({"item": "BRCA1", "result": "PATHOGENIC"}, ("geneId", "HGNC:1100")),
        ({"item": "PALB2", "result": "UNCERTAIN"}, ("geneId", "HGNC:26144")),
    ],
)
def test_S12_history_family_and_genes_are_recorded_with_codes(patient, radiographer, entry, coding):
    path = f"/patients/{patient.pk}/history/"

    made = Program(radiographer).post(path, entry)

    assert made.status_code == 201
    assert {name: made.json()[name] for name in entry} == entry
    found = made.json()["coding"]
    assert (found and (found["system"].rsplit("/", 1)[1], found["code"])) == coding
    assert Program(radiographer).get(path).json()["results"] == [made.json()]
    assert AuditEntry.objects.get(action="history.recorded").actor == radiographer


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"item": "MASTECTOMY"}, "laterality"),
        ({"item": "HRT", "laterality": "L"}, "laterality"),
        ({"item": "FAMILY_BREAST"}, "relative"),
        ({"item": "BRCA2"}, "result"),
        ({"item": "IMPLANT", "laterality": "L", "result": "NEGATIVE"}, "result"),
        ({"item": "HRT", "age_at_onset": 40}, "age_at_onset"),
    ],
)
def test_S12_what_contradicts_itself_is_refused(patient, radiographer, entry, field):
    answer = Program(radiographer).post(f"/patients/{patient.pk}/history/", entry)
    page = signed_in(radiographer).post(reverse("patients:history", args=[patient.pk]), entry)

    document = assert_problem(answer, 400, "contradictory_history")
    assert document["context"] == {"field": field}
    assert (page.status_code, list(page.context["form"].errors)) == (400, [field])
    assert not HistoryEntry.objects.exists()


def test_S12_an_entry_is_retracted_once_with_a_reason(patient, radiographer):
    entry = mastectomy(patient, radiographer, "L", "2019")
    path = f"/patients/{patient.pk}/history/{entry.pk}/retract/"
    program = Program(radiographer)

    assert_problem(program.post(path, {"reason": "no"}), 422, "reason_required")
    assert program.post(path, {"reason": "Wrong patient."}).status_code == 200
    assert_problem(program.post(path, {"reason": "Wrong patient."}), 409, "already_retracted")


def test_S12_another_clinics_history_does_not_exist(patient):
    stranger = make_user(Role.DOCTOR, clinics=[make_clinic()])

    assert_problem(Program(stranger).get(f"/patients/{patient.pk}/history/"), 404, "not_found")
    page = signed_in(stranger).get(reverse("patients:history", args=[patient.pk]))
    assert page.status_code == 404
