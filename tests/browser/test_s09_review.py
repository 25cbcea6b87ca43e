"""S09: a proposal is looked at and signed, by a doctor who is sure of what and as whom."""

import pytest
from playwright.sync_api import expect

from tests.browser.clinic import ReadClinic
from tests.browser.visits import Visits, check


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s09_nothing_is_chosen_beforehand(visit: Visits, read_clinic: ReadClinic, scheme):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"], scheme=scheme)

    expect(page.locator(".decision")).to_be_visible()
    assert page.locator("input[name=choice]:checked").count() == 0
    check(page)
