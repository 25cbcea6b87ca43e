"""S05: two people edit one record; the second learns of the first, and nothing is lost."""

from playwright.sync_api import expect

from mammotrack.accounts.models import Clinic, User
from tests.browser.visits import Visits, check
from tests.factories.patients import make_patient


def test_s05_the_second_save_shows_both_values(visit: Visits, clinic: Clinic, doctor: User):
    visit.tolerated.append("status of 4")
    patient = make_patient(clinic, given_name="Ada")
    context = visit.context(user=doctor)
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        page.goto(f"{visit.url}/patients/{patient.pk}/edit/")
    check(first)

    first.get_by_label("Given name").fill("Ada Maria")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_text("The record is changed.")).to_be_visible()
    second.get_by_label("Given name").fill("Adelheid")
    second.get_by_role("button", name="Save").click()

    conflict = second.get_by_role("row").filter(has_text="differs")
    expect(conflict).to_contain_text("Adelheid")
    expect(conflict).to_contain_text("Ada Maria")
    expect(second.get_by_label("Given name")).to_have_value("Adelheid")
    expect(second.get_by_role("alert")).to_be_focused()
    check(second)
    visit.keep(second, "edit-conflict")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_text("The record is changed.")).to_be_visible()
    patient.refresh_from_db()
    assert patient.given_name == "Adelheid"
