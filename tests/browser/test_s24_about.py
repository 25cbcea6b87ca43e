"""S24: intended use, limits and version, from the same place on every page."""

import pytest
from playwright.sync_api import expect

from tests.browser.clinic import ReadClinic
from tests.browser.visits import NARROW, Visits, check


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s24_the_page_says_what_it_is_for(visit: Visits, scheme):
    page = visit("/about/", scheme=scheme)

    expect(page.get_by_role("heading", name="Intended use")).to_be_visible()
    check(page)


def test_s24_the_link_stands_in_the_same_place_everywhere(visit: Visits, read_clinic: ReadClinic):
    context = visit.context(user=read_clinic.people["doctor"])
    page = context.new_page()
    places = set()
    for path in ("/worklist/", "/patients/", read_clinic.detail, "/account/", "/about/"):
        page.goto(f"{visit.url}{path}")
        box = page.get_by_role("link", name="About", exact=True).bounding_box()
        assert box
        places.add((round(box["x"]), round(box["y"])))

    assert len(places) == 1


def test_s24_it_can_be_read_on_a_narrow_screen(visit: Visits):
    check(visit("/about/", size=NARROW))
