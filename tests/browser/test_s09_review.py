"""S09: a proposal is looked at and signed, by a doctor who is sure of what and as whom."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clinic import ReadClinic
from tests.browser.visits import Visits, check
from tests.factories.accounts import PASSWORD

REASON = "Palpable nodule at ten o'clock, ultrasound first."


def choose_other(page: Page) -> str:
    """Something that is not proposed and takes one signature."""
    proposal = page.locator(".proposal h2").inner_text().strip()
    choice = next(
        each for each in ("Refer for further work-up", "Continue chemotherapy") if each != proposal
    )
    page.get_by_label(choice).check()
    return choice


def sign(page: Page) -> None:
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign decision").click()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s09_nothing_is_chosen_beforehand_and_the_evidence_is_a_click_away(
    visit: Visits, read_clinic: ReadClinic, scheme
):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"], scheme=scheme)

    expect(page.locator(".decision")).to_be_visible()
    assert page.locator("input[name=choice]:checked").count() == 0
    check(page)
    for link in page.locator(".proposal-evidence a").all():
        target = link.get_attribute("href")
        assert target
        expect(page.locator(target)).to_have_count(1)


def test_s09_a_change_without_a_reason_is_held_back_at_its_field(
    visit: Visits, read_clinic: ReadClinic
):
    visit.tolerated.append("status of 4")
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])

    choose_other(page)
    sign(page)

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator(".field-invalid").get_by_label("Reason")).to_be_visible()
    check(page)
    visit.keep(page, "reason-missing")


def test_s09_who_signed_when_and_what_it_means_and_the_second_is_told(
    visit: Visits, read_clinic: ReadClinic
):
    visit.tolerated.append("status of 4")
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])
    late = visit(read_clinic.detail, user=read_clinic.people["oncologist"])

    choice = choose_other(page)
    page.get_by_label("Reason").fill(REASON)
    sign(page)
    expect(page.get_by_text("Signed decision")).to_be_visible()
    expect(page.locator(".decision")).to_contain_text(choice)
    expect(page.get_by_text("Decides otherwise than proposed: Dr. Vera Lund")).to_be_visible()
    check(page)
    visit.keep(page, "signed")
    choose_other(late)
    late.get_by_label("Reason").fill("Seen otherwise.")
    sign(late)

    expect(late.get_by_role("alert")).to_contain_text("already signed by Dr. Vera Lund")
    expect(late.get_by_text("You had written: Seen otherwise.")).to_be_visible()
    check(late)
    visit.keep(late, "signed-by-another")
