"""S03: what waits for a doctor, by list; a row comes by itself, and Back finds it again."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from analysis.models import Recommendation
from analysis.worklist import ROWS
from mammotrack.accounts.models import Clinic, User
from mammotrack.models import now
from tests.browser.clinic import ReadClinic
from tests.browser.visits import NARROW, Visits, check
from tests.factories.analysis import make_decision, make_job, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram

WITHIN_MS = 10_000


def make_rows(clinic: Clinic, count: int) -> list[Recommendation]:
    return [make_recommendation(current=make_mammogram(make_patient(clinic))) for _ in range(count)]


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s03_each_list_is_in_order(visit: Visits, clinic: Clinic, doctor: User, scheme):
    _waiting, long, signed = make_rows(clinic, 3)
    Recommendation.objects.filter(pk=long.pk).update(created_at=now() - timedelta(days=9))
    make_decision(signed, signed_by=doctor)
    mammogram = make_mammogram(make_patient(clinic))
    make_job(mammogram, requested_by=doctor, state="FAILED", error_code="gave_up")
    page = visit("/worklist/", user=doctor, scheme=scheme)

    for label, count in (
        ("To review", 2),
        ("Unsigned over 7 days", 1),
        ("Mine", 1),
        ("In progress", 0),
        ("Analysis failed", 1),
        ("Signed today", 1),
        ("Signed", 1),
    ):
        page.get_by_role("link", name=label, exact=True).click()
        expect(page.get_by_role("link", name=label, exact=True)).to_have_attribute(
            "aria-current", "page"
        )
        expect(page.locator("[data-row]")).to_have_count(count)
        check(page)
    page.get_by_role("link", name="Unsigned over 7 days").click()
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("9 days")
    expect(row).to_contain_text("To sign")


def test_s03_a_finished_analysis_appears_by_itself(visit: Visits, clinic: Clinic, doctor: User):
    page = visit("/worklist/", user=doctor)
    expect(page.get_by_role("heading", name="Nothing waits for a decision")).to_be_visible()
    check(page)

    [done] = make_rows(clinic, 1)

    expect(page.locator(f"#job-{done.job_id}")).to_be_visible(timeout=WITHIN_MS)
    check(page)


def test_s03_keys_go_through_the_rows_and_renewing_keeps_the_place(
    visit: Visits, clinic: Clinic, doctor: User
):
    rows = [f"job-{row.job_id}" for row in reversed(make_rows(clinic, 3))]
    page = visit("/worklist/", user=doctor)
    renewed_from = str(page.locator("#worklist").get_attribute("hx-get"))

    places = []
    for key in ("j", "j", "j", "j", "k"):
        page.keyboard.press(key)
        places.append(focused(page))
    expect(page.locator("#worklist")).not_to_have_attribute(
        "hx-get", renewed_from, timeout=WITHIN_MS
    )

    assert places == [rows[0], rows[1], rows[2], rows[2], rows[1]]
    assert focused(page) == rows[1]
    page.evaluate("localStorage.setItem('keys', 'off')")
    page.keyboard.press("j")
    assert focused(page) == rows[1]


def test_s03_enter_opens_and_back_returns_to_the_row(visit: Visits, read_clinic: ReadClinic):
    doctor = read_clinic.people["doctor"]
    make_rows(read_clinic.patient.clinic, ROWS - 1)  # newer ones: the pair is the page's last row
    page = visit("/worklist/", user=doctor)
    row = page.locator(f"#job-{read_clinic.job.pk}")

    page.keyboard.press("k")
    page.keyboard.press("j")
    row.focus()
    before = page.evaluate("scrollY")
    page.keyboard.press("Enter")
    expect(page.locator(".proposal")).to_be_visible()
    page.go_back()

    expect(row).to_be_focused()
    assert before > 0
    assert page.evaluate("scrollY") == before


def test_s03_it_fits_a_narrow_screen(visit: Visits, clinic: Clinic, doctor: User):
    make_rows(clinic, 2)

    check(visit("/worklist/", user=doctor, size=NARROW))
