"""S19: an empty clinic says what goes where, and shows no table without rows."""

import pytest
from playwright.sync_api import expect

from analysis.services.samples import load_sample
from mammotrack import queue
from mammotrack.accounts.models import Role, User
from tests.browser.visits import NARROW, WIDE, Visits, check
from tests.factories.accounts import make_user


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", WIDE), ("dark", NARROW)])
def test_s19_the_first_run_shows_three_steps(visit: Visits, doctor: User, scheme, size):
    page = visit("/patients/", user=doctor, scheme=scheme, size=size)
    expect(page.locator(".first-steps li")).to_have_count(3)
    expect(page.get_by_role("link", name="Register the first patient")).to_be_visible()
    check(page)

    for tab in ("review", "overdue", "mine", "progress", "failed", "today", "signed"):
        page.goto(f"{visit.url}/worklist/?tab={tab}")
        expect(page.locator(".empty h2")).to_be_visible()
        expect(page.get_by_role("table")).to_have_count(0)
    check(page)


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", NARROW)])
def test_s19_an_administrator_loads_sample_patients_and_a_doctor_sees_them(
    visit: Visits, doctor: User, audit_dir, monkeypatch, scheme, size
):
    told: list[str] = []
    monkeypatch.setattr(queue, "hint", lambda _task, number: told.append(number))
    page = visit("/", user=make_user(Role.ADMIN), scheme=scheme, size=size)
    expect(page.locator(".first-steps li")).to_have_count(3)
    check(page)
    visit.keep(page, "first-run")

    page.get_by_role("button", name="Load sample patients").click()
    expect(page.get_by_text("0 of 16 pictures")).to_be_visible()
    for number in told[-2:]:  # the digital exams; films are the same, at ten times the size
        load_sample(number)

    expect(page.get_by_text("4 of 16 pictures")).to_be_visible()  # renewed every 5 s
    check(page)
    found = visit("/patients/", user=doctor)
    found.get_by_role("link", name="Haddad, Salma").click()
    expect(found.locator(".patient-banner")).to_contain_text("Sample clinic")
    check(found)
