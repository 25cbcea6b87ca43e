"""S23: the API's page works behind the content policy, without any other host."""

from playwright.sync_api import expect

from mammotrack.accounts.models import Clinic, User
from tests.browser.visits import Visits


def test_s23_an_address_can_be_tried(visit: Visits, clinic: Clinic, doctor: User):
    page = visit("/api/v1/docs/", user=doctor)
    operation = page.locator("#operations-clinics-clinics_list")
    operation.locator("button.opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    answer = operation.locator(".live-responses-table .response .response-col_status")
    expect(answer.first).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text(clinic.name)
