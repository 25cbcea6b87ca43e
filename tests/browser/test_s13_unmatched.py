"""S13: a file of nobody's is held beside a record, and attached on a second word."""

from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.audit.models import Action
from mammotrack.audit.selectors import private_values
from patients.models import Patient
from scans.arrivals import take_arrival
from scans.models import Mammogram
from tests.audit import entries
from tests.browser.visits import NARROW, WIDE, Visits, check
from tests.dicom_files import mammogram, write_dicom
from tests.factories.accounts import make_user
from tests.factories.patients import make_patient


@pytest.fixture
def patient(clinic: Clinic) -> Patient:
    return make_patient(
        clinic,
        medical_record_number="MRN-9",
        family_name="Right",
        given_name="Person",
        birth_date=date(1970, 2, 3),
    )


@pytest.fixture
def waiting(clinic: Clinic, visit: Visits, audit_dir: Path, tmp_path: Path) -> None:
    """A modality sent a file under a number that no record has."""
    sent = mammogram(PatientID="WRONG-1", PatientName="Wrong^Number")
    content = write_dicom(tmp_path / "x.dcm", sent).read_bytes()
    take_arrival([content], sent_by=make_user(Role.INTEGRATOR, clinics=[clinic]))


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", WIDE), ("dark", NARROW)])
def test_s13_a_file_is_attached_after_a_look_at_both_identities_and_a_reason(
    visit: Visits, patient: Patient, waiting, doctor: User, scheme, size
):
    visit.tolerated.append("status of 4")
    page = visit("/unmatched/", user=doctor, scheme=scheme, size=size)
    check(page)
    visit.keep(page, "unmatched")
    page.get_by_role("link", name="Wrong, Number").click()
    check(page)

    page.get_by_label("Record number").fill("mrn 9")
    page.get_by_role("button", name="Compare both").click()

    expect(page.get_by_role("heading", name="2. Compare, then attach")).to_be_focused()
    row = page.get_by_role("row").filter(has_text="WRONG-1")
    expect(row).to_contain_text("MRN-9")
    expect(row).to_contain_text("differs")
    assert page.get_by_role("checkbox", checked=True).count() == 0
    assert not Mammogram.objects.exists()
    check(page)
    visit.keep(page, "unmatched-file")

    page.get_by_role("checkbox", name="Name").check()
    page.get_by_role("checkbox", name="Birth date").check()
    page.get_by_role("button", name="Attach: it is Right, Person").click()
    expect(page.get_by_text("patient_mismatch")).to_be_visible()
    assert not Mammogram.objects.exists()
    check(page)
    page.get_by_role("checkbox", name="Name").check()
    page.get_by_role("checkbox", name="Birth date").check()
    page.get_by_label("Why it is this patient's all the same").fill("Mistyped at the modality.")
    page.get_by_role("button", name="Attach: it is Right, Person").click()

    expect(page.get_by_text("Attached. The picture is on the timeline.")).to_be_visible()
    assert Mammogram.objects.get().patient_id == patient.pk
    [entry] = entries(Action.FILE_ATTACHED)
    assert (entry.actor, entry.patient_id) == (doctor, patient.pk)
    identities = private_values(entry)
    assert identities["file"]["patient_id"] == "WRONG-1"
    assert identities["record"]["patient_id"] == "MRN-9"


def test_s13_a_file_of_nobody_is_discarded_with_a_reason(visit: Visits, waiting, doctor: User):
    visit.tolerated.append("status of 4")
    page = visit("/unmatched/", user=doctor)
    page.get_by_role("link", name="Wrong, Number").click()
    page.get_by_role("button", name="Discard the file").click()
    assert not entries(Action.FILE_DISCARDED)

    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Discard the file").click()

    expect(page.get_by_text("Discarded. The file is removed.")).to_be_visible()
    check(page)
    assert len(entries(Action.FILE_DISCARDED)) == 1
