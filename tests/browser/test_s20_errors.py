"""S20: errors say what to do, carry the request's id, and show nothing of the inside."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from analysis.views import renewing
from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.errors import TooManyAttempts, Unavailable
from tests.browser.visits import Visits, check
from tests.factories.accounts import make_user
from tests.factories.analysis import make_recommendation

RAISED = {500: RuntimeError("secret"), 503: Unavailable("Busy."), 429: TooManyAttempts("Slowly.")}


@pytest.fixture
def tolerant(visit: Visits) -> Visits:
    visit.tolerated += ["status of 4", "status of 5"]
    return visit


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_s20_each_is_styled_and_numbered(
    tolerant: Visits, clinic: Clinic, monkeypatch, status, scheme
):
    reader = make_user(Role.RECEPTIONIST if status == 403 else Role.DOCTOR, clinics=[clinic])
    if status in RAISED:

        def fail(*args: object, **options: object) -> None:
            raise RAISED[status]

        monkeypatch.setattr(renewing, "worklist_rows", fail)
    page = tolerant.context(user=reader, scheme=scheme).new_page()
    answer = page.goto(f"{tolerant.url}/{'nothing' if status == 404 else 'worklist'}/")

    assert answer
    assert answer.status == status
    expect(page.get_by_text(answer.headers["x-request-id"])).to_be_visible()
    expect(page.get_by_role("link", name="Go to the start")).to_be_visible()
    if status == 429:
        expect(page.get_by_text("Wait some minutes, then try again.")).to_be_visible()
    assert "Traceback" not in page.content()
    assert "secret" not in page.content()
    check(page)
    tolerant.keep(page, f"error-{status}")


def test_s20_a_foreign_record_and_none_read_alike_to_the_byte(tolerant: Visits, doctor: User):
    foreign = make_recommendation()
    page = tolerant.context(user=doctor).new_page()
    for pattern, key in (
        ("/patients/{}/", foreign.patient_id),
        ("/analyses/{}/", foreign.job_id),
        ("/mammograms/{}/display/", foreign.current_id),
    ):
        answers = [
            page.request.get(tolerant.url + pattern.format(each)) for each in (key, uuid.uuid4())
        ]
        assert {answer.status for answer in answers} == {404}
        bodies = {
            re.sub(
                r'name="csrfmiddlewaretoken" value="\w+"',
                "",
                answer.text().replace(answer.headers["x-request-id"], "ID"),
            )
            for answer in answers
        }
        assert len(bodies) == 1, pattern
