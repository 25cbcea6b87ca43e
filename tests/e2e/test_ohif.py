"""A viewer that nobody here wrote lists our studies and shows our pictures: OHIF, in a browser.

npm pack @ohif/app && tar xzf ohif-app-*.tgz
OHIF=package/dist python -m pytest tests/e2e/test_ohif.py
"""

import os
import shutil
from datetime import date
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from django.conf import settings
from PIL import Image
from playwright.sync_api import Page, Route, expect, sync_playwright
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from mammotrack.accounts.models import Role
from scans.arrivals import take_arrival
from tests.dicom_files import breast, compressed, mammogram, write_dicom
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.web import signed_in

OHIF = Path(os.environ.get("OHIF", "/no/ohif"))
CONFIGURATION = Path(settings.BASE_DIR) / "docs" / "integration" / "ohif.js"
CHROMIUM = shutil.which("chromium")
DRAWN_BY_THE_PROCESSOR = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_DIALOGS = """
localStorage.setItem("investigationalUseDialog", '{"expiryDate": "2100-01-01"}');
localStorage.setItem("shownTours", '["basicViewerTour"]');
"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not OHIF.is_dir(), reason="OHIF names no folder with the viewer's files"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH"),
]


@pytest.fixture
def clinic():
    clinic = make_clinic()
    make_patient(
        clinic,
        medical_record_number="MRN-1",
        family_name="Synthetic",
        given_name="Phantom",
        birth_date=date(1970, 2, 3),
    )
    return clinic


@pytest.fixture
def viewer(live_server, clinic, monkeypatch):
    """A page of a doctor; OHIF's files lie beside ``/dicomweb``, as a proxy would serve them."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    session = signed_in(make_user(Role.DOCTOR, clinics=[clinic])).cookies["session"].value
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=DRAWN_BY_THE_PROCESSOR)
        context = browser.new_context(base_url=live_server.url, service_workers="block")
        context.add_cookies([{"name": "session", "value": session, "url": live_server.url}])
        context.add_init_script(NO_DIALOGS)
        context.route("**/*", lambda route: _serve(route, live_server.url))
        page = context.new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


def _serve(route: Route, server: str) -> None:
    path = urlsplit(route.request.url).path
    if not route.request.url.startswith(server):
        route.abort()
    elif path.startswith("/dicomweb/"):
        route.continue_()
    elif path == "/app-config.js":
        route.fulfill(path=CONFIGURATION)
    else:
        file = OHIF / path.strip("/")
        route.fulfill(path=file if file.is_file() else OHIF / "index.html")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_I7_ohif_lists_a_study_and_shows_its_picture(
    viewer: Page, clinic, store, hints, tmp_path, syntax
):
    pixels = breast(rows=480, columns=400)
    frame = compressed(pixels, syntax, bits=12) if syntax == RLELossless else None
    path = write_dicom(
        tmp_path / "film.dcm", mammogram(pixels), transfer_syntax=syntax, frame=frame
    )
    take_arrival([path.read_bytes()], sent_by=make_user(Role.INTEGRATOR, clinics=[clinic]))
    statuses: dict[str, int] = {}
    viewer.on("response", lambda answer: statuses.update({answer.url: answer.status}))

    viewer.goto("/")
    viewer.get_by_text("Synthetic, Phantom").dblclick()
    with viewer.expect_response("**/frames/1"):
        viewer.wait_for_url("**/viewer?StudyInstanceUIDs=*")
    canvas = viewer.locator("canvas.cornerstone-canvas")
    expect(canvas).to_be_visible()
    viewer.wait_for_timeout(2000)  # it draws after it has decoded, and says so nowhere

    shown = np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("L"))
    assert 0.1 < (shown > 60).mean() < 0.9  # a breast on black
    asked = {url: status for url, status in statuses.items() if "/dicomweb/" in url}
    assert set(asked.values()) == {200}, asked
    assert any("/thumbnail" in url for url in asked)
