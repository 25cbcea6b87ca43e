"""S06, D1: everything of one patient on one axis of time, and two pictures chosen from it."""

from datetime import date

import pytest
from playwright.sync_api import Page, expect

from mammotrack.accounts.models import Clinic, User
from patients.models import Patient
from tests.browser.clinic import ReadClinic
from tests.browser.films import stepped, store_film
from tests.browser.test_s07_compare import ready
from tests.browser.visits import NARROW, Visits, check
from tests.factories.patients import make_course, make_cycle, make_patient

DAYS = (date(2023, 1, 9), date(2023, 4, 10), date(2024, 2, 29), date(2024, 7, 1))


@pytest.fixture
def followed(visit: Visits, clinic: Clinic) -> Patient:
    """A woman with four dates, two views each, and therapy; nothing was analysed."""
    patient = make_patient(clinic)
    course = make_course(patient, start_date=date(2023, 1, 20))
    make_cycle(course, number=1, given_date=date(2023, 1, 20))
    for number, day in enumerate(DAYS):
        film = store_film(patient, stepped(add=number), exam_date=day)
        store_film(patient, stepped(add=50 + number), exam=film.exam, view="MLO")
    return patient


def centres(page: Page, lane: int) -> list[float]:
    """Of the thumbnails of a lane, as they stand on the screen."""
    shots = page.locator(f".tl-shot[aria-label^='{('L CC', 'L MLO')[lane]}'] .tl-film")
    boxes = [shot.bounding_box() for shot in shots.all()]
    return [box["x"] + box["width"] / 2 for box in boxes if box]


@pytest.mark.parametrize("lane", [0, 1])
def test_s06_d1_x_of_each_thumbnail_is_proportional_to_its_date(
    visit: Visits, followed: Patient, doctor: User, lane
):
    page = visit(f"/patients/{followed.pk}/", user=doctor)

    found = centres(page, lane)

    span = (DAYS[-1] - DAYS[0]).days
    expected = [found[0] + (found[-1] - found[0]) * (day - DAYS[0]).days / span for day in DAYS]
    assert found == pytest.approx(expected, abs=1)
    assert found[-1] - found[0] > 300


def test_s06_the_table_names_the_same_pictures(visit: Visits, followed: Patient, doctor: User):
    page = visit(f"/patients/{followed.pk}/", user=doctor)

    drawn = page.locator(".tl-pick input")
    listed = page.locator(".events .pictures input")

    assert drawn.count() == listed.count() == 2 * len(DAYS)
    keys = [{box.get_attribute("value") for box in boxes.all()} for boxes in (drawn, listed)]
    assert keys[0] == keys[1]


def test_s06_two_chosen_pictures_open_as_a_pair_the_older_left(
    visit: Visits, followed: Patient, doctor: User
):
    page = visit(f"/patients/{followed.pk}/", user=doctor)
    page.locator(".tl-pick").get_by_label("Choose L CC, 29 Feb 2024, to compare").check()
    page.locator(".events").get_by_label("Choose L CC, 9 Jan 2023, to compare").check()
    expect(page.get_by_text("Chosen: L CC, 9 Jan 2023; L CC, 29 Feb 2024")).to_be_visible()
    expect(
        page.locator(".tl-pick").get_by_label("Choose L CC, 9 Jan 2023, to compare")
    ).to_be_checked()

    page.get_by_role("button", name="Compare the two chosen").click()

    ready(page)
    labels = page.locator(".burn-film").all_inner_texts()
    assert "Prior 9 Jan 2023" in labels[0]
    assert "Current 29 Feb 2024" in labels[1]
    check(page)


def test_s06_it_works_without_script(visit: Visits, followed: Patient, doctor: User):
    context = visit.context(user=doctor)
    page = context.new_page()
    page.route("**/*.js", lambda route: route.abort())
    visit.tolerated.append("ERR_FAILED")
    page.goto(f"{visit.url}/patients/{followed.pk}/")
    for day in ("1 Jul 2024", "10 Apr 2023"):
        page.locator(".tl-pick").get_by_label(f"Choose L MLO, {day}, to compare").check()

    page.get_by_role("button", name="Compare the two chosen").click()

    expect(page.get_by_role("heading", name="L MLO")).to_be_visible()
    pictures = page.locator("[data-film] img")
    assert "10 Apr 2023" in str(pictures.nth(0).get_attribute("alt"))
    assert "1 Jul 2024" in str(pictures.nth(1).get_attribute("alt"))
    expect(pictures.nth(0)).to_be_visible()


def test_s06_one_chosen_picture_is_not_enough(visit: Visits, followed: Patient, doctor: User):
    page = visit(f"/patients/{followed.pk}/", user=doctor)
    page.locator(".tl-pick input").first.check()
    page.get_by_role("button", name="Compare the two chosen").click()

    expect(page.get_by_text("One picture was chosen.")).to_be_visible()
    check(page)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s06_d1_findings_therapy_and_lesions_stand_on_one_axis(
    visit: Visits, read_clinic: ReadClinic, scheme
):
    page = visit(
        f"/patients/{read_clinic.patient.pk}/", user=read_clinic.people["doctor"], scheme=scheme
    )

    for label in ("L CC", "Pathology", "Therapy", "Decisions"):
        expect(page.locator(".tl-label", has_text=label).first).to_be_visible()
    assert page.locator(".tl-course line").count() == 4
    assert page.locator(".tl-noise").count() == page.locator(".tl-label", has_text="Change").count()
    check(page)


def test_s06_it_can_be_read_on_a_narrow_screen(visit: Visits, read_clinic: ReadClinic):
    check(
        visit(
            f"/patients/{read_clinic.patient.pk}/",
            user=read_clinic.people["doctor"],
            size=NARROW,
        )
    )


def test_s06_print_shows_the_whole_drawing(visit: Visits, followed: Patient, doctor: User):
    page = visit(f"/patients/{followed.pk}/", user=doctor, size=(760, 1000))
    page.emulate_media(media="print")

    box = page.locator(".timeline").bounding_box()

    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 760
    expect(page.get_by_role("button", name="Compare the two chosen")).not_to_be_visible()
