"""S08: what cannot be compared says so first: no pair, no alignment, no prior, no picture."""

import pytest
from playwright.sync_api import expect

from mammotrack.accounts.models import Clinic, User
from scans.services import object_store
from tests.browser.films import CURRENT_DATE, PRIOR_DATE, stepped, store_film, store_pair
from tests.browser.test_s07_compare import ready
from tests.browser.visits import Visits, check
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_patient


@pytest.mark.parametrize(
    ("other", "code", "reason"),
    [
        ({"laterality": "R"}, "laterality_mismatch", "The pictures show different breasts."),
        ({"view": "MLO"}, "view_mismatch", "The pictures are different views."),
    ],
)
def test_s08_d4_no_pair_is_refused_with_the_reason(
    visit: Visits, clinic: Clinic, doctor: User, other, code, reason
):
    patient = make_patient(clinic)
    prior = store_film(patient, stepped(), exam_date=PRIOR_DATE)
    current = store_film(patient, stepped(add=9), exam_date=CURRENT_DATE, **other)
    visit.tolerated.append("422")

    page = visit(
        f"/patients/{patient.pk}/compare/?picture={current.pk}&picture={prior.pk}", user=doctor
    )

    expect(page.get_by_role("alert")).to_contain_text(reason)
    expect(page.get_by_text(code)).to_be_visible()
    expect(page.locator("[data-viewer]")).to_have_count(0)
    check(page)
    visit.keep(page, f"refused-{code.partition('_')[0]}")


def test_s08_failed_registration_is_shown_as_acquired_without_a_score(
    visit: Visits, clinic: Clinic, doctor: User
):
    found = store_pair(
        make_patient(clinic),
        comparable=False,
        reason="registration_failed",
        verdict="not_comparable",
        ssim=None,
        change_probability=None,
        registration={"passed": False, "reason": "poor_correlation"},
    )

    page = ready(visit(f"/analyses/{found.job_id}/", user=doctor))

    banner = page.locator(".stage-notice:visible")
    expect(banner).to_contain_text("not aligned, and no change score is given")
    expect(banner).to_contain_text("The prior could not be laid on the current picture.")
    expect(page.get_by_role("checkbox", name="Prior aligned")).to_be_disabled()
    for mode in ("difference", "ssim"):
        expect(page.locator(f"[data-mode={mode}]")).to_be_disabled()
    expect(page.get_by_text("Probability that", exact=False)).to_have_count(0)
    page.keyboard.press("2")  # looking at both as they are is still possible
    expect(page.locator("[data-mode=swipe]")).to_have_attribute("aria-pressed", "true")
    check(page)
    visit.keep(page, "not-registered")


def test_s08_a_missing_prior_is_said_and_never_another_view(
    visit: Visits, clinic: Clinic, doctor: User
):
    patient = make_patient(clinic)
    store_film(patient, stepped(), exam_date=PRIOR_DATE, view="MLO")
    current = store_film(patient, stepped(add=9), exam_date=CURRENT_DATE)
    found = make_recommendation(current=current)

    page = ready(visit(f"/analyses/{found.job_id}/", user=doctor))

    expect(page.locator(".stage-notice:visible")).to_contain_text("No prior")
    expect(page.locator("[data-film]")).to_have_count(1)
    expect(page.locator("[data-mode=swipe]")).to_have_count(0)
    check(page)
    visit.keep(page, "no-prior")


def test_s08_a_damaged_picture_is_not_shown(visit: Visits, clinic: Clinic, doctor: User):
    """Its bytes are not those that were stored: the viewer says so and shows the other one."""
    found = store_pair(make_patient(clinic))
    assert found.prior
    path = object_store().derived_path(found.prior.sha256, "pixels.png")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-9] + b"otherbyte")
    visit.tolerated.append("503")

    page = visit(f"/analyses/{found.job_id}/", user=doctor)

    expect(page.locator("[data-stage]")).to_have_attribute("data-state", "failed")
    expect(page.get_by_role("alert").filter(has_text="full depth")).to_be_visible()
    expect(page.locator("[data-film=current].is-drawn")).to_have_count(1)
    expect(page.locator("[data-film=prior].is-drawn")).to_have_count(0)
    check(page)


def test_s08_d3_four_views_hang_in_four_rows_and_the_unmatched_has_no_prior(
    visit: Visits, clinic: Clinic, doctor: User
):
    """Right on the left, chest walls to the same edge, a millimetre as long on every film."""
    patient = make_patient(clinic)
    first = store_film(patient, stepped(), exam_date=PRIOR_DATE)
    exams = {PRIOR_DATE: first.exam}
    films = {("L", "CC"): first}
    for side, view in (("R", "CC"), ("L", "MLO")):
        films[side, view] = store_film(
            patient, stepped(add=len(films)), exam=exams[PRIOR_DATE], laterality=side, view=view
        )
    current = store_film(
        patient, stepped()[::2, ::2].copy(), exam_date=CURRENT_DATE, pixel_spacing_mm=0.2
    )
    for side, view in (("R", "CC"), ("L", "MLO"), ("R", "MLO")):
        store_film(patient, stepped(add=20), exam=current.exam, laterality=side, view=view)

    page = visit(f"/exams/{current.exam_id}/", user=doctor)

    rows = page.locator(".hung-row")
    assert [row.locator(".position").inner_text() for row in rows.all()] == [
        "R CC",
        "L CC",
        "R MLO",
        "L MLO",
    ]
    unmatched = rows.nth(2)
    expect(unmatched.get_by_text("No prior")).to_be_visible()
    expect(unmatched.locator("svg[role=img]")).to_have_count(1)
    expect(page.get_by_text("No prior")).to_have_count(1)
    sizes = {
        (image.get_attribute("width"), image.get_attribute("height"))
        for image in page.locator(".hung image").all()
    }
    assert sizes == {("51.2", "64.0")}  # 0.1 and 0.2 mm a pixel
    check(page)
    rows.nth(1).get_by_role("link", name="Open in the viewer").click()
    expect(page.get_by_text("were not analysed against each other")).to_be_visible()
    ready(page)
