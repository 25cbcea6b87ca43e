"""S21: who types is warned before the session ends, and loses nothing when it has."""

import pytest
from playwright.sync_api import Page, expect

from mammotrack.accounts.models import Role, User
from tests.browser.test_s01_sign_in import give_password
from tests.browser.visits import Visits, check
from tests.factories.accounts import make_user

NOTE = "Okafor-Lind"
WARN_S = 120  # so long before its end the page warns
SOON_S = WARN_S + 60  # longer than this machine takes for what a test does meanwhile


@pytest.fixture
def page(visit: Visits, doctor: User, settings) -> Page:
    """A half-typed form in a session that ends soon after its warning."""
    visit.tolerated += ["status of 40", "Failed to fetch"]
    settings.SESSION_COOKIE_AGE = SOON_S
    page = visit.context(user=doctor).new_page()
    page.clock.install()
    page.goto(f"{visit.url}/patients/new/")
    page.get_by_label("Family name").fill(NOTE)
    return page


def let_pass(page: Page, seconds: int) -> None:
    page.clock.run_for(1000 * seconds)


def test_s21_staying_extends_and_the_focus_is_trapped(visit: Visits, page: Page):
    dialog = page.get_by_role("dialog")
    let_pass(page, 3)
    expect(dialog).to_be_hidden()

    let_pass(page, SOON_S - WARN_S)
    expect(dialog).to_be_visible()
    check(page)
    visit.keep(page, "session-ends")
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body "
            "|| document.querySelector('dialog').contains(document.activeElement)"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    with page.expect_response("**/account/session/"):
        page.get_by_role("button", name="Stay signed in").click()

    expect(dialog).to_be_hidden()
    let_pass(page, 3)
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Family name")).to_have_value(NOTE)


def test_s21_what_was_typed_is_there_after_signing_in_again(
    visit: Visits, page: Page, doctor: User
):
    page.context.clear_cookies()
    let_pass(page, SOON_S + 5)
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    check(page)
    visit.keep(page, "session-ended")

    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again").click()
    give_password(opened.value, doctor.username)
    expect(opened.value.get_by_role("heading", name="Worklist")).to_be_visible()
    opened.value.close()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_label("Family name")).to_have_value(NOTE)
    page.get_by_label("Given name").fill("Ada")
    page.get_by_label("Medical record number").fill("MT-9")
    page.get_by_label("Birth date").fill("1970-05-17")
    page.get_by_label("Sex").select_option("F")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("The patient is registered.")).to_be_visible()


def test_s21_somebody_else_gets_nothing_of_the_page(visit: Visits, page: Page, doctor: User):
    other = make_user(Role.DOCTOR, clinics=doctor.clinics.all())
    page.context.clear_cookies()
    let_pass(page, SOON_S + 5)

    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again").click()
    give_password(opened.value, other.username)
    expect(opened.value.get_by_role("heading", name="Worklist")).to_be_visible()

    expect(page.get_by_label("Family name")).to_have_value("")
