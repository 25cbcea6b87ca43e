"""S10: who reads blind sees the pictures alone, says what they show, then sees what others said."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from mammotrack.models import now
from tests.browser.clinic import CURRENT_DATE, ReadClinic
from tests.browser.visits import NARROW, WIDE, Visits, check
from tests.factories.analysis import make_reading


@pytest.fixture
def blind_clinic(read_clinic: ReadClinic) -> ReadClinic:
    clinic = read_clinic.patient.clinic
    clinic.blind_reading_since = now() - timedelta(days=1)
    clinic.save()
    return read_clinic


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", WIDE), ("dark", NARROW)])
def test_s10_no_score_is_on_a_page_before_the_own_category(
    visit: Visits, blind_clinic: ReadClinic, scheme, size
):
    doctor = blind_clinic.people["doctor"]
    exam_day = f"{CURRENT_DATE:%-d %b %Y}"
    page = visit("/readings/", user=doctor, scheme=scheme, size=size)
    check(page)
    visit.keep(page, "to-read")
    page.get_by_role("row").filter(has_text=exam_day).get_by_role("link").click()

    expect(page.get_by_role("heading", name="Your reading")).to_be_visible()
    assert page.get_by_role("radio", checked=True).count() == 0
    for word in ("BI-RADS 2 ", "SSIM", "Similarity", "Proposal", " %"):
        assert word not in page.locator("main").inner_text()
    check(page)
    visit.keep(page, "reading")
    reading = page.url
    page.goto(f"{visit.url}{blind_clinic.detail}")
    expect(page).to_have_url(reading)

    page.get_by_role("radio", name="2").first.check()
    page.get_by_role("button", name="Put on record").click()

    expect(page.get_by_text("Your reading is on record.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Dr. Vera Lund")).to_contain_text("2")
    check(page)
    page.goto(f"{visit.url}{blind_clinic.detail}")
    expect(page.locator(".proposal")).to_be_visible()


def test_s10_a_third_doctor_settles_with_a_reason(visit: Visits, blind_clinic: ReadClinic):
    visit.tolerated.append("status of 4")
    current = blind_clinic.job.current
    make_reading(current, reader=blind_clinic.people["oncologist"], category="2")
    make_reading(current, category="4")
    doctor = blind_clinic.people["doctor"]
    make_reading(current, reader=doctor, category="3", revision=1)
    page = visit(f"/exams/{current.exam_id}/reading/", user=doctor)
    visit.keep(page, "readings-differ")
    check(page)
    page.get_by_role("radio", name="4 Suspicious").check()
    page.get_by_role("button", name="Settle as third doctor").click()
    expect(page.get_by_text("The first two readings differ")).to_be_visible()
    page.get_by_role("radio", name="4 Suspicious").check()
    page.get_by_label("Reason").fill("Grouped calcifications.")
    page.get_by_role("button", name="Settle as third doctor").click()

    expect(page.get_by_text("The readings are settled.")).to_be_visible()
    expect(page.get_by_text("Grouped calcifications.")).to_be_visible()
    check(page)
    page.goto(f"{visit.url}/readings/agreement/")
    check(page)
    visit.keep(page, "agreement")
