"""S04: finding a patient by two letters, of the own clinic, with no name in the address."""

import pytest
from playwright.sync_api import expect

from mammotrack.accounts.models import Clinic, User
from tests.browser.visits import Visits, check
from tests.factories.accounts import make_clinic
from tests.factories.patients import make_patient


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s04_two_letters_find_the_own_clinics_patients(
    visit: Visits, clinic: Clinic, doctor: User, scheme
):
    make_patient(clinic, family_name="Okafor", given_name="Ada")
    make_patient(clinic, family_name="Lindqvist", given_name="Maja")
    make_patient(make_clinic(), family_name="Okoro", given_name="Foreign")
    page = visit("/patients/", user=doctor, scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.get_by_label("Name, record number or birth date").type("ok")

    rows = page.locator("#patient-rows tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Okafor, Ada")
    assert asked
    assert not any("ok" in url.rpartition("/patients/")[2].lower() for url in asked)
    check(page)


def test_s04_a_likely_duplicate_is_shown_before_it_is_registered(
    visit: Visits, clinic: Clinic, doctor: User
):
    visit.tolerated.append("status of 4")
    make_patient(clinic, family_name="Okafor", given_name="Ada")
    page = visit("/patients/new/", user=doctor)
    check(page)
    for label, text in (
        ("Family name", "Okafor"),
        ("Given name", "Ada"),
        ("Birth date", "1970-05-17"),
        ("Medical record number", "MT-77"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_label("Sex").select_option("F")
    page.get_by_role("button", name="Register").click()

    expect(page.get_by_role("heading", name="Registered already?")).to_be_visible()
    check(page)
