"""S01: signing in, and what a wrong attempt is told."""

import time

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from playwright.sync_api import Page, expect

from mammotrack.accounts.models import User
from tests.browser.visits import Visits, check
from tests.factories.accounts import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def give_password(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def give_code(page: Page, code: str) -> None:
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign In", exact=True).click()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s01_the_page_is_in_order(visit: Visits, scheme):
    page = visit("/", scheme=scheme)

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    check(page)


def test_s01_a_wrong_password_and_an_unknown_name_read_the_same(visit: Visits, doctor: User):
    page = visit("/")
    told = []
    for name in (doctor.username, "nobody-of-this-name"):
        give_password(page, name, "wrong")
        alert = page.get_by_role("alert")
        expect(alert).to_be_focused()
        told.append(alert.inner_text())
        check(page)

    assert told[0] == told[1]


def test_s01_password_and_code_open_the_worklist_and_the_code_works_once(
    visit: Visits, doctor: User
):
    TOTP.activate(doctor, SECRET)
    code = format_hotp_value(hotp_value(SECRET, int(time.time() // 30)))
    first, second = visit("/"), visit("/")

    give_password(first, doctor.username)
    check(first)
    give_code(first, code)
    expect(first.get_by_role("heading", name="Worklist")).to_be_visible()
    give_password(second, doctor.username)
    give_code(second, code)

    expect(second.get_by_role("alert")).to_be_visible()
    expect(second.get_by_role("heading", name="Worklist")).to_have_count(0)
    check(second)
