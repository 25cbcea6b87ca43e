"""S19: an empty clinic says what goes where, and shows no table without rows."""

import pytest
from playwright.sync_api import expect

from mammotrack.accounts.models import User
from tests.browser.visits import NARROW, WIDE, Visits, check


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
