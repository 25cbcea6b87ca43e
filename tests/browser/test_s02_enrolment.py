"""S02: a doctor without a second factor gets nowhere but to its enrolment."""

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from mammotrack.accounts.models import User
from tests.browser.test_s01_sign_in import give_password
from tests.browser.visits import Visits, check
from tests.factories.accounts import PASSWORD


def test_s02_only_the_enrolment_opens_until_it_is_done(visit: Visits, doctor: User, settings):
    settings.MFA_REQUIRED = True
    page = visit("/")
    give_password(page, doctor.username)
    for path in ("/worklist/", "/patients/", "/system/"):
        page.goto(f"{visit.url}{path}")
        expect(page.get_by_text("Your role needs a second factor")).to_be_visible()
    check(page)
    visit.keep(page, "enrolment-due")

    page.get_by_role("link", name="Set up an app").click()
    if page.get_by_label("Password").count():
        check(page)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    check(page)
    visit.keep(page, "enrolment")
    secret = page.get_by_label("Authenticator secret").input_value()
    page.get_by_label("Authenticator code").fill(
        format_hotp_value(hotp_value(secret, int(time.time() // 30)))
    )
    page.get_by_role("button", name="Activate").click()

    expect(page.get_by_text("Recovery codes").first).to_be_visible()
    check(page)
    visit.keep(page, "recovery-codes")
    page.goto(f"{visit.url}/worklist/")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
