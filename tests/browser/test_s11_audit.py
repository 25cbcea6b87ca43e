"""S11: the trail tells who looked, and turns red where it was altered."""

import pytest
from playwright.sync_api import expect

from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.audit import spool
from mammotrack.audit.chain import collection
from mammotrack.audit.models import AuditEntry
from tests.browser.clinic import ReadClinic
from tests.browser.visits import NARROW, Visits, check
from tests.factories.accounts import make_user
from tests.mammotrack.audit.test_trail_page import registered


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s11_opening_a_patient_is_a_row_and_an_altered_entry_turns_the_badge_red(
    visit: Visits, clinic: Clinic, doctor: User, scheme
):
    patient = registered(clinic)
    visit(f"/patients/{patient.pk}/", user=doctor)
    spool.drain()
    admin = make_user(Role.ADMIN, clinics=[clinic])
    page = visit("/audit/trail/", user=admin, scheme=scheme)
    row = page.get_by_role("row").filter(has_text="patients:detail")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Dr. Vera Lund")
    check(page)

    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("Chain verified at")).to_be_visible()
    check(page)
    collection(AuditEntry).update_one(
        {"chain": str(clinic.pk), "seq": 2}, {"$set": {"role": "ADMIN"}}
    )
    page.get_by_role("button", name="Verify now").click()

    expect(page.locator(".standing-bad")).to_contain_text("Broken at entry #2")
    check(page)
    visit.keep(page, "audit-broken")


def test_s11_filters_and_export(visit: Visits, read_clinic: ReadClinic):
    page = visit("/audit/trail/", user=read_clinic.people["admin"], size=NARROW)
    check(page)
    page.get_by_label("What").select_option("analysis.done")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(2)

    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()

    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("seq,time_utc,name")
