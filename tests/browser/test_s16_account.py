"""S16: one's own sessions, keys and theme."""

from playwright.sync_api import expect

from mammotrack.accounts.models import User
from tests.browser.test_s01_sign_in import give_password
from tests.browser.visits import Visits, check


def test_s16_ending_another_session_signs_that_browser_out(visit: Visits, doctor: User):
    here, there = visit("/"), visit("/")
    for page in (here, there):
        give_password(page, doctor.username)
        expect(page.get_by_role("heading", name="Worklist")).to_be_visible()

    here.goto(f"{visit.url}/account/")
    check(here)
    here.get_by_role("link", name="Sessions").click()
    check(here)
    here.get_by_role("button", name="Sign out the other sessions").click()
    there.get_by_role("link", name="Patients", exact=True).click()

    expect(there.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(here.get_by_text(doctor.full_name)).to_be_visible()


def test_s16_single_keys_can_be_switched_off(visit: Visits, doctor: User):
    page = visit("/account/", user=doctor)
    switch = page.get_by_label("Single keys act on pages")
    expect(switch).to_be_checked()

    switch.uncheck()
    page.reload()

    expect(switch).not_to_be_checked()
    assert not page.evaluate("keysAreOn()")


def test_s16_the_theme_is_switched_and_kept(visit: Visits, doctor: User):
    page = visit("/account/", user=doctor, scheme="dark")

    page.get_by_role("button", name="Switch between dark and light").click()
    page.goto(f"{visit.url}/worklist/")

    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    check(page)
