"""S18: what is printed has no navigation, and the report is a click away."""

from playwright.sync_api import expect

from tests.browser.clinic import ReadClinic
from tests.browser.visits import Visits


def test_s18_the_report_is_a_pdf_of_an_opaque_name(visit: Visits, read_clinic: ReadClinic):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])
    address = page.get_by_role("link", name="Draft report (PDF)").get_attribute("href")

    answer = page.request.get(f"{visit.url}{address}")

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF")
    assert read_clinic.patient.family_name not in answer.headers["content-disposition"]


def test_s18_paper_shows_the_patient_and_no_navigation(visit: Visits, read_clinic: ReadClinic):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])
    patient = f"/patients/{read_clinic.patient.pk}/"
    for path in (read_clinic.detail, patient, "/worklist/"):
        page.goto(f"{visit.url}{path}")
        page.emulate_media(media="print")
        expect(page.get_by_role("navigation")).to_have_count(0)
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        if path != "/worklist/":
            expect(page.get_by_role("region", name="Patient")).to_be_visible()


def test_s18_paper_does_not_call_a_picture_aligned_that_it_shows_as_acquired(
    visit: Visits, read_clinic: ReadClinic
):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])
    badge, form = page.locator(".burn-aligned"), page.locator(".panel.mark")
    expect(badge).to_be_visible()
    expect(form).to_be_visible()

    page.emulate_media(media="print")

    expect(badge).to_be_hidden()
    expect(form).to_be_hidden()
