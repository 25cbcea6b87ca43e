"""The watch itself: it sees what a page must not do."""

import pytest

from tests.browser.visits import PATIENCE_MS, Visits, check


@pytest.mark.parametrize(
    ("deed", "complaint"),
    [
        ("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')", "style"),
        ("fetch('http://127.0.0.1:9/').catch(() => {})", "connect-src"),
        ("location.href = 'http://127.0.0.1:9/'", "asks another host"),
        ("console.error('it broke')", "it broke"),
        ("setTimeout(() => { throw new Error('thrown') })", "thrown"),
    ],
)
def test_a_complaint_is_noticed(visit: Visits, deed, complaint):
    page = visit("/about/")

    page.evaluate(deed)
    for _ in range(PATIENCE_MS // 50):
        if any(complaint in text for text in visit.complaints):
            break
        page.wait_for_timeout(50)

    assert any(complaint in text for text in visit.complaints)
    with pytest.raises(AssertionError):
        visit.close()
    visit.complaints.clear()


@pytest.mark.parametrize(
    "spoil",
    [
        "document.querySelector('h1').style.color = '#333'",
        "document.querySelector('button').removeAttribute('aria-label')",
        "document.querySelector('h1').style.width = '3000px'",
    ],
)
def test_a_page_out_of_order_is_noticed(visit: Visits, spoil):
    page = visit("/about/")
    check(page)

    page.evaluate(spoil)

    with pytest.raises(AssertionError):
        check(page)
