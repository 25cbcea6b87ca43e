"""S17: a record out of reach opens for a while, under a red bar, and its clinic is told."""

from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.models import now
from patients.models import EmergencyAccess, Patient
from tests.browser.visits import NARROW, WIDE, Visits, check
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient

WHY = "Unconscious after a fall, surgery now."


@pytest.fixture
def elsewhere() -> Clinic:
    return make_clinic("Eastern clinic")


@pytest.fixture
def patient(elsewhere: Clinic) -> Patient:
    return make_patient(
        elsewhere,
        family_name="Phantom",
        medical_record_number="PH-77",
        birth_date=date(1961, 3, 14),
    )


def ask(page: Page, why: str) -> None:
    page.get_by_label("Clinic that keeps the record").select_option("Eastern clinic")
    page.get_by_label("Record number").fill("PH-77")
    page.get_by_label("Birth date").fill("1961-03-14")
    page.get_by_label("Why it cannot wait").fill(why)
    page.get_by_role("button", name="Open the record").click()


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", WIDE), ("dark", NARROW)])
def test_s17_a_reason_opens_one_record_until_it_ends_and_the_officer_sees_it(
    visit: Visits, audit_dir, patient: Patient, elsewhere: Clinic, doctor: User, scheme, size
):
    visit.tolerated.append("status of 4")
    page = visit("/patients/emergency/", user=doctor, scheme=scheme, size=size)
    check(page)
    visit.keep(page, "emergency")
    ask(page, "In a hurry")
    expect(page.get_by_role("alert")).to_be_focused()
    check(page)
    assert not EmergencyAccess.objects.exists()

    ask(page, WHY)

    expect(page.locator(".emergency")).to_contain_text("30 min left")
    expect(page.get_by_text("PH-77")).to_be_visible()
    check(page)
    visit.keep(page, "emergency-record")
    record = page.url

    EmergencyAccess.objects.update(expires_at=now() - timedelta(seconds=1))
    assert page.goto(record).status == 404
    expect(page.locator(".emergency")).to_have_count(0)
    officer = make_user(Role.ADMIN, clinics=[elsewhere])
    alert = visit("/patients/emergency/accesses/", user=officer, scheme=scheme, size=size)
    row = alert.get_by_role("row").filter(has_text=WHY)
    expect(row).to_contain_text("Dr. Vera Lund")
    check(alert)
    visit.keep(alert, "emergency-accesses")
    row.get_by_role("button", name="Reviewed").click()
    expect(alert.get_by_role("heading", name="Not reviewed")).to_have_count(0)
    check(alert)
