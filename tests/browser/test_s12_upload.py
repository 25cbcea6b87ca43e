"""S12, S13: five files are sent at once, and each gets its own answer."""

from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mammotrack.accounts.models import Clinic, User
from mammotrack.audit.models import Action
from patients.models import Patient
from scans.models import Mammogram
from tests.audit import entries
from tests.browser.visits import Visits, check
from tests.dicom_files import breast, mammogram, write_dicom
from tests.factories.patients import make_patient

CT = "1.2.840.10008.5.1.4.1.1.2"
STORED_MS = 60_000


@pytest.fixture
def patient(clinic: Clinic) -> Patient:
    """The person the synthetic DICOM files name."""
    return make_patient(clinic, medical_record_number="MRN-1", birth_date=date(1970, 2, 3))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    good = write_dicom(tmp_path / "good.dcm", mammogram())
    duplicate, truncated = tmp_path / "again.dcm", tmp_path / "truncated.dcm"
    duplicate.write_bytes(good.read_bytes())
    truncated.write_bytes(good.read_bytes()[:2000])
    stranger = mammogram(
        breast(bits=12, seed=8),
        PatientID="MRN-2",
        PatientBirthDate="19500101",
        SOPInstanceUID="2.25.77",
        StudyInstanceUID="2.25.78",
    )
    other = write_dicom(tmp_path / "other.dcm", stranger)
    ct = mammogram(SOPClassUID=CT, Modality="CT", SOPInstanceUID="2.25.79")
    return [good, duplicate, truncated, other, write_dicom(tmp_path / "ct.dcm", ct)]


def send(page: Page, files: list[Path]) -> None:
    page.get_by_label("Name:").check()
    page.get_by_label("Birth date:").check()
    page.locator("#many-files").set_input_files(files)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-outcome]")).to_have_count(len(files), timeout=STORED_MS)


def test_s12_each_file_gets_its_answer_and_one_scan_is_new(
    visit: Visits, doctor: User, patient: Patient, files: list[Path]
):
    visit.tolerated.append("status of 4")
    page = visit(f"/patients/{patient.pk}/upload/", user=doctor)
    check(page)

    send(page, files)

    rows = page.locator(".upload-row")
    for number, text in enumerate(
        ("Stored", "Already stored", "Not stored.", "names another patient", "Not stored.")
    ):
        expect(rows.nth(number)).to_contain_text(text)
    check(page)
    visit.keep(page, "upload-results")
    assert Mammogram.objects.count() == 1
    page.reload()
    page.goto(f"{visit.url}/patients/{patient.pk}/")
    expect(page.get_by_text("31 Jan 2024").first).to_be_visible()


def test_s13_a_file_of_another_name_is_stored_on_a_second_word_with_both_identities(
    visit: Visits, doctor: User, patient: Patient, files: list[Path]
):
    visit.tolerated.append("status of 4")
    page = visit(f"/patients/{patient.pk}/upload/", user=doctor)
    send(page, [files[3]])
    row = page.locator(".upload-row")
    born = row.get_by_role("row").filter(has_text="1950-01-01")
    expect(born).to_contain_text("1970")
    expect(born).to_contain_text("differs")
    assert not Mammogram.objects.exists()

    row.get_by_role("button", name="Store with this reason").click()
    assert not Mammogram.objects.exists()
    row.get_by_label("Reason").fill("Married last week, the old number.")
    row.get_by_role("button", name="Store with this reason").click()

    expect(page.locator("[data-outcome=stored]")).to_have_count(1, timeout=STORED_MS)
    [entry] = entries(Action.MAMMOGRAM_STORED)
    assert "patient_id" in str(entry.detail) or "differing" in str(entry.detail)
