"""S14: what waits is counted, and a worker that fell silent is said within a minute."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from analysis.models import WorkerSign
from analysis.system import note_worker
from mammotrack.accounts.models import Clinic, User
from mammotrack.models import now
from tests.browser.visits import NARROW, WIDE, Visits, check
from tests.factories.analysis import make_job
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", WIDE), ("dark", NARROW)])
def test_s14_a_silent_worker_is_said_everywhere_it_matters(
    visit: Visits, clinic: Clinic, doctor: User, scheme, size
):
    visit.tolerated.append("status of 404")  # the pictures of this job are in no store
    note_worker("worker@here")
    job = make_job(make_mammogram(make_patient(clinic)))
    page = visit("/system/", user=doctor, scheme=scheme, size=size)
    expect(page.get_by_text("Analyses are delayed.")).to_have_count(0)
    check(page)

    WorkerSign.objects.update(seen_at=now() - timedelta(seconds=50))

    expect(page.get_by_text("Analyses are delayed.")).to_be_visible(timeout=10_000)
    check(page)
    for path in ("/worklist/", f"/analyses/{job.pk}/"):
        page.goto(f"{visit.url}{path}")
        expect(page.get_by_text("Analyses are delayed").first).to_be_visible()
