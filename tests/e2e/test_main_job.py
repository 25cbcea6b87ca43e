"""The main job in a real browser: sign in, upload a pair, read the result, override, see it."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from analysis.models import Comparison, Decision, LesionMark
from mammotrack import settings as production
from mammotrack.accounts.models import Role
from patients.models import Patient
from tests.dicom_files import mammogram, write_dicom
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.phantoms import SPACING_MM, Lesion, phantom
from tests.platform import RunningPlatform, running_platform

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BROWSER = shutil.which("chromium")
PASSWORD = "a-long-enough-password"
REASON = "Palpable nodule at ten o'clock, ultrasound first."
ANALYSED_MS = 120_000
PATIENCE_MS = 30_000
REFUSAL = "status of 422"  # the browser logs the answer to a decision without its reason

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium on the PATH")


@pytest.fixture
def platform(mongo_server: str, store) -> Iterator[RunningPlatform]:
    with running_platform(mongo_uri=mongo_server) as running:
        yield running


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page that complains about nothing: no script error, no refusal of the content policy."""
    # Playwright keeps an event loop in this thread; the test's own queries are not in it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    complaints: list[str] = []
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        yield page
        browser.close()
    assert [text for text in complaints if REFUSAL not in text] == []


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    return dicom_pair(tmp_path, None, None)


def dicom_pair(folder: Path, *lesions: Lesion | None) -> list[Path]:
    """Two exams of the left breast, half a year apart, as DICOM files of patient MT-1."""
    films = [
        phantom(5, shift_mm=(shift, 0), lesion=lesion).pixels
        for shift, lesion in zip((0.0, 3.0), lesions, strict=True)
    ]
    return [
        write_dicom(
            folder / f"{day:%Y%m%d}.dcm",
            mammogram(
                np.round(film * 4095).astype(np.uint16),
                SOPInstanceUID=f"2.25.9{number}",
                StudyInstanceUID=f"2.25.8{number}",
                StudyDate=f"{day:%Y%m%d}",
                PatientID="MT-1",
                PatientBirthDate="19700517",
                ImagerPixelSpacing=[SPACING_MM, SPACING_MM],
            ),
        )
        for number, (day, film) in enumerate(
            zip((date(2024, 1, 5), date(2024, 7, 5)), films, strict=True), start=1
        )
    ]


@needs_browser
def test_a_doctor_uploads_a_pair_and_overrides_the_proposal(platform, page, pair, settings):
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS  # the platform knows no other
    clinic = make_clinic("Havel Breast Centre")
    doctor = make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Vera Lund", password=PASSWORD)
    patient = make_patient(clinic, medical_record_number="MT-1", birth_date=date(1970, 5, 17))

    sign_in(page, platform, doctor.username)
    open_patient(page, patient)
    upload(page, pair)
    read_result(page)
    choice = override(page)

    expect(page.get_by_text("Signed decision")).to_be_visible()
    expect(page.get_by_text("Dr. Vera Lund,")).to_be_visible()
    page.get_by_role("link", name=f"{patient.family_name}, {patient.given_name}").click()
    timeline = page.get_by_role("group", name="Drawing of the timeline")
    expect(timeline.get_by_text(f"L CC: {choice.lower()}")).to_be_visible()
    expect(page.get_by_role("table").get_by_text(REASON)).to_be_visible()
    assert (Decision.objects.get().reason, Decision.objects.get().signed_by) == (REASON, doctor)


@needs_browser
def test_a_doctor_draws_a_mark_and_reads_the_size(platform, page, tmp_path, settings):
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS
    clinic = make_clinic("Havel Breast Centre")
    doctor = make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Vera Lund", password=PASSWORD)
    patient = make_patient(clinic, medical_record_number="MT-1", birth_date=date(1970, 5, 17))

    sign_in(page, platform, doctor.username)
    open_patient(page, patient)
    upload(page, dicom_pair(tmp_path, Lesion(diameter_mm=26), Lesion(diameter_mm=14)))
    page.get_by_role("link", name="Open the analysis").last.click()
    draw_mark(page, x=180, y=420, radius=52)

    expect(page.get_by_role("heading", name="The marked lesion")).to_be_visible(timeout=ANALYSED_MS)
    mark = LesionMark.objects.get()
    assert (mark.x, mark.y, mark.radius) == pytest.approx((180, 420, 52), abs=4)
    assert mark.marked_by == doctor
    found = Comparison.objects.get(mark=mark)
    assert found.lesion["prior_mm"] > found.lesion["current_mm"] > 5
    expect(page.get_by_text("Marked by Dr. Vera Lund. The grey circle")).to_be_visible()
    expect(page.get_by_label("Instead of")).to_have_value("")  # nobody's lesion is replaced unasked
    page.get_by_label("Instead of").select_option(str(mark.pk))
    page.get_by_label("Current, 5 Jul 2024").check()
    expect(page.get_by_label("Instead of")).to_have_value("another")  # it lies on the other picture
    page.get_by_role("link", name=f"{patient.family_name}, {patient.given_name}").click()
    timeline = page.get_by_role("group", name="Drawing of the timeline")
    expect(timeline.get_by_text(f"{found.lesion['current_mm']:.0f} mm", exact=True)).to_be_visible()


def draw_mark(page: Page, *, x: float, y: float, radius: float) -> None:
    """Drag a circle on the prior, from pixels of the picture to those of the screen and back."""
    page.get_by_role("button", name="Draw on the picture").click()
    canvas = page.locator("[data-canvas=prior]")
    canvas.scroll_into_view_if_needed()
    middle, edge = (
        canvas.evaluate(
            """(svg, [x, y]) => {
                const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
                return [at.x, at.y];
            }""",
            place,
        )
        for place in ([x, y], [x + radius, y])
    )
    address = page.url
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(*edge, steps=4)
    page.mouse.up()
    assert page.url == address  # the picture is a link, not followed while drawing
    expect(page.get_by_label("Prior, 5 Jan 2024")).to_be_checked()
    page.get_by_role("button", name="Mark and measure").click()
    expect(page.get_by_text("The lesion is marked.")).to_be_visible()


def sign_in(page: Page, platform: RunningPlatform, username: str) -> None:
    page.goto(f"{platform.url}/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Nothing waits for a decision")).to_be_visible()


def open_patient(page: Page, patient: Patient) -> None:
    page.get_by_role("link", name="Patients", exact=True).click()
    page.get_by_label("Name, record number or birth date").fill(patient.family_name[:4])
    page.get_by_role("link", name=f"{patient.family_name}, {patient.given_name}").click()
    assert patient.family_name.lower() not in page.url.lower()


def upload(page: Page, files: list[Path]) -> None:
    page.get_by_role("link", name="Upload mammograms").click()
    page.get_by_label("Name:").check()
    page.get_by_label("Birth date:").check()
    page.locator("#many-files").set_input_files(files)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-outcome=stored]")).to_have_count(len(files), timeout=ANALYSED_MS)
    expect(page.get_by_text("Analysis done.")).to_have_count(len(files), timeout=ANALYSED_MS)


def read_result(page: Page) -> None:
    page.get_by_role("link", name="Open the analysis").last.click()
    expect(page.get_by_text("5 Jan 2024 to 5 Jul 2024, 6 months between")).to_be_visible()
    expect(page.get_by_role("heading", name="How the proposal came about")).to_be_visible()
    page.get_by_role("button", name="As measured").click()
    overlay = page.get_by_alt_text("Map of local similarity")
    expect(overlay).to_have_css("opacity", "0")
    page.get_by_label("Similarity map", exact=True).fill("60")
    expect(overlay).to_have_css("opacity", "0.6")


def override(page: Page) -> str:
    """Choose what is not proposed: without a reason nothing is signed. Returns the choice."""
    proposal = page.locator(".proposal h2").inner_text().strip()
    choice = next(
        label
        for label in ("Refer for further work-up", "Continue chemotherapy")
        if label != proposal
    )
    assert page.locator("input[name=choice]:checked").count() == 0
    page.get_by_label(choice).check()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign decision").click()
    expect(page.get_by_role("alert")).to_contain_text("Give the reason")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("Your password").fill(PASSWORD)  # no page carries it back
    page.get_by_role("button", name="Sign decision").click()
    return choice
