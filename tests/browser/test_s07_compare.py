"""S07: two pictures on one stage, under one view and one window, at full depth."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from mammotrack.accounts.models import Clinic, User
from scans.choices import Origin
from scans.models import Mammogram
from scans.services import object_store
from tests.browser.clinic import ReadClinic
from tests.browser.films import (
    CURRENT_DATE,
    PRIOR_DATE,
    STEP,
    laid_over,
    stepped,
    store_film,
    store_pair,
)
from tests.browser.visits import NARROW, Visits, check
from tests.factories.analysis import make_mark, make_prediction, make_recommendation
from tests.factories.patients import make_patient

GRAY_LEVELS = 4095


@pytest.fixture
def pair(visit: Visits, clinic: Clinic) -> str:
    """Where the page of a registered pair of known values is."""
    found = store_pair(make_patient(clinic), correspondence=laid_over())
    return f"/analyses/{found.job_id}/"


@pytest.fixture(params=["WebGL2", "canvas"])
def renderer(request: pytest.FixtureRequest) -> str:
    return request.param


def opened(visit: Visits, path: str, user: User, renderer: str = "WebGL2") -> Page:
    context = visit.context(user=user)
    if renderer == "canvas":
        context.add_init_script(
            "HTMLCanvasElement.prototype.getContext = new Proxy("
            "HTMLCanvasElement.prototype.getContext, { apply: (made, canvas, [kind, ...rest]) =>"
            " kind === 'webgl2' ? null : made.call(canvas, kind, ...rest) })"
        )
    page = context.new_page()
    page.goto(f"{visit.url}{path}")
    return ready(page, renderer)


def ready(page: Page, renderer: str = "WebGL2") -> Page:
    expect(page.locator("[data-stage]")).to_have_attribute("data-state", "ready")
    expect(page.locator("[data-stage]")).to_have_attribute("data-renderer", renderer)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Two frames later what was asked for is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def boxes(page: Page) -> dict[str, list[float]]:
    """What of each picture is shown, in its pixels: x, y, width, height."""
    settled(page)
    return {
        which: [
            float(part)
            for part in str(page.locator(f"[data-canvas={which}]").get_attribute("viewBox")).split()
        ]
        for which in ("prior", "current")
    }


def colour_at(page: Page, which: str, x: float, y: float) -> tuple[int, ...]:
    return colours_at(page, which, [(x, y)])[0]


def colours_at(page: Page, which: str, places: list[tuple[float, float]]) -> list[tuple[int, ...]]:
    """The colours on the screen where pixels of a picture are shown."""
    left, top, width, height = boxes(page)[which]
    film = page.locator(f"[data-film={which}]")
    film.scroll_into_view_if_needed()
    box = film.bounding_box()
    assert box
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    found = []
    for x, y in places:
        across = box["x"] + (x - left) / width * box["width"]
        down = box["y"] + (y - top) / height * box["height"]
        colour = shot.getpixel((int(across), int(down)))
        assert isinstance(colour, tuple)
        found.append(colour)
    return found


def middle(column: int, row: int) -> tuple[float, float]:
    """Of a square of the stepped film."""
    return (column + 0.5) * STEP, (row + 0.5) * STEP


def set_window(page: Page, *, centre: int, width: int) -> None:
    page.get_by_label("Centre").fill(str(centre))
    page.get_by_label("Width").fill(str(width))
    page.get_by_label("Width").blur()


def choose(page: Page, mode: str) -> None:
    page.locator(f"[data-mode={mode}]").click()
    settled(page)


def test_s07_window_2048_400_gives_the_computed_gray(visit, pair, doctor, renderer):
    """Every square of both films, at full depth: of 16 bits, not of the 8 that a browser keeps."""
    page = opened(visit, pair, doctor, renderer)
    set_window(page, centre=2048, width=400)

    squares = [(column, row) for column in range(1, 8, 2) for row in range(2, 9, 2)]
    seen = 0
    for which, add in (("prior", 0), ("current", 300)):
        film = stepped(add=add)
        colours = colours_at(page, which, [middle(*square) for square in squares])
        for (column, row), (red, green, blue) in zip(squares, colours, strict=True):
            x, y = middle(column, row)
            value = int(film[int(y), int(x)]) / 65535 * GRAY_LEVELS
            expected = np.clip((value - 2048) / 400 + 0.5, 0, 1) * 255
            assert red == green == blue == pytest.approx(expected, abs=1), (which, column, row)
            seen += 0 < expected < 255
    assert seen >= 2  # within the window, where eight bits would have shown steps


def test_s07_both_transforms_are_equal_after_any_zoom_and_pan(visit, pair, doctor):
    """By wheel, drag, button, key and number; the two films are of one scale here."""
    page = opened(visit, pair, doctor)
    stage = page.locator("[data-stage]")
    first = boxes(page)
    assert first["prior"] == first["current"]
    box = stage.bounding_box()
    assert box
    last = first
    page.mouse.move(box["x"] + 200, box["y"] + 150)

    def drag() -> None:
        page.mouse.down()
        page.mouse.move(box["x"] + 320, box["y"] + 260, steps=4)
        page.mouse.up()

    def wheel() -> None:
        page.keyboard.down("Control")
        page.mouse.wheel(0, -300)
        page.keyboard.up("Control")

    for step in (
        wheel,
        drag,
        lambda: page.get_by_role("button", name="Larger", exact=True).click(),
        lambda: page.get_by_role("button", name="Look left").click(),
        lambda: stage.press("ArrowDown"),
        lambda: page.get_by_label("Zoom %").fill("250"),
        lambda: page.get_by_role("button", name="Fit").click(),
    ):
        step()
        now = boxes(page)
        assert now["prior"] == now["current"]
        assert now != last
        last = now
    assert last == first


def test_s07_zooming_keeps_the_point_under_the_pointer(visit, pair, doctor):
    page = opened(visit, pair, doctor)
    box = page.locator("[data-film=current]").bounding_box()
    assert box
    x, y = round(box["x"] + 0.3 * box["width"]), round(box["y"] + 0.6 * box["height"])
    at = ((x - box["x"]) / box["width"], (y - box["y"]) / box["height"])

    def under() -> list[float]:
        left, top, width, height = boxes(page)["current"]
        return [left + at[0] * width, top + at[1] * height]

    page.mouse.move(x, y)  # whole pixels: a browser tells the pointer's place in those
    before = under()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -800)
    page.keyboard.up("Control")

    assert under() == pytest.approx(before, abs=0.5)


def test_s07_films_of_other_resolution_have_one_physical_scale(visit, clinic, doctor):
    """The prior has half the resolution: a millimetre is as long on both, chest walls in line."""
    patient = make_patient(clinic)
    coarse = stepped()[::2, ::2].copy()
    prior = store_film(patient, coarse, exam_date=PRIOR_DATE, pixel_spacing_mm=0.2)
    current = store_film(patient, stepped(), exam_date=CURRENT_DATE, pixel_spacing_mm=0.1)
    found = make_recommendation(prior=prior, current=current)
    page = opened(visit, f"/analyses/{found.job_id}/", doctor)

    shown = boxes(page)
    in_mm = {
        "prior": [0.2 * each for each in shown["prior"]],
        "current": [0.1 * each for each in shown["current"]],
    }
    assert in_mm["prior"] == pytest.approx(in_mm["current"])
    assert shown["current"][0] == pytest.approx(0)  # a left breast: its chest wall at the left
    assert page.locator("[data-film=current] [data-ruler]").inner_text() == "10 mm"


def test_s07_the_aligned_prior_is_drawn_where_the_grid_leads(visit, clinic, doctor, renderer):
    """The grid says: what lies here was one square further right and one square lower."""
    move = laid_over(across=STEP / 512, down=STEP / 640)
    found = store_pair(make_patient(clinic), correspondence=move)
    page = opened(visit, f"/analyses/{found.job_id}/", doctor, renderer)
    film = stepped()
    x, y = middle(2, 3)

    aligned = colour_at(page, "prior", x, y)
    page.get_by_role("checkbox", name="Prior aligned").uncheck()
    as_acquired = colour_at(page, "prior", x, y)

    assert aligned[0] == pytest.approx(film[int(y) + STEP, int(x) + STEP] / 65535 * 255, abs=1)
    assert as_acquired[0] == pytest.approx(film[int(y), int(x)] / 65535 * 255, abs=1)


def test_s07_the_divider_moves_by_arrow_keys(visit, pair, doctor):
    page = opened(visit, pair, doctor)
    page.keyboard.press("2")
    divider = page.get_by_label("Divider")
    expect(divider).to_have_value("50")

    page.locator("[data-stage]").press("ArrowRight")
    expect(divider).to_have_value("52")
    divider.press("ArrowLeft")
    expect(divider).to_have_value("51")

    set_window(page, centre=2048, width=400)
    x, y = middle(5, 5)
    divider.fill("0")
    of_current = colour_at(page, "current", x, y)
    divider.fill("100")
    of_prior = colour_at(page, "prior", x, y)
    assert of_current[0] > of_prior[0]
    check(page)


@pytest.mark.parametrize(("rate", "expected"), [(None, 1.0), ("9", 2.5)])
def test_s07_blinks_once_a_second_and_never_faster_than_2_5(visit, pair, doctor, rate, expected):
    """A blink shows each picture once; at 2.5 a second the picture changes five times a second."""
    page = opened(visit, pair, doctor)
    page.emulate_media(reduced_motion="no-preference")
    page.clock.install(time=0)
    page.clock.pause_at(3600)  # no time passes but what is run below
    page.keyboard.press("3")
    if rate:
        page.get_by_label("Blinks a second").fill(rate)
    page.evaluate(
        """() => {
            window.times = [];
            const film = document.querySelector("[data-film=prior]");
            new MutationObserver(() => times.push(performance.now()))
                .observe(film, { attributeFilter: ["class"] });
        }"""
    )
    page.clock.run_for(3200)
    pauses = np.diff(page.evaluate("times"))

    assert len(pauses) >= 3
    assert 500 / np.mean(pauses) == pytest.approx(expected, rel=0.02)


def test_s07_does_not_blink_where_less_motion_is_asked_for(visit, pair, doctor):
    page = opened(visit, pair, doctor)  # every visit here asks for it
    page.keyboard.press("3")
    expect(page.get_by_text("Blinking is off")).to_be_visible()
    prior = page.locator("[data-film=prior]")

    page.wait_for_timeout(800)
    expect(prior).to_have_css("visibility", "hidden")
    page.get_by_role("button", name="Show the other").click()
    expect(prior).to_have_css("visibility", "visible")
    expect(page.locator("[data-film=current]")).to_have_css("visibility", "hidden")


def test_s07_difference_is_blue_or_orange_where_the_films_differ(visit, clinic, doctor, renderer):
    """The current film is 300 of 65,535 brighter: at a window of 200 that is orange, a little."""
    found = store_pair(make_patient(clinic), correspondence=laid_over())
    page = opened(visit, f"/analyses/{found.job_id}/", doctor, renderer)
    set_window(page, centre=0, width=400)
    choose(page, "difference")
    share = 300 / 65535 * GRAY_LEVELS / 400 * 5

    x, y = middle(5, 6)
    red, green, blue = colour_at(page, "current", x, y)

    under = 0.22 * 255 * (1 - share)  # the current film is white in this window
    assert red == pytest.approx(under + 255 * share, abs=2)
    assert green == pytest.approx(under + 0.62 * 255 * share, abs=2)
    assert blue == pytest.approx(under + 0.12 * 255 * share, abs=2)


def test_s07_no_map_is_shown_before_it_is_asked_for(visit, read_clinic: ReadClinic):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])
    ready(page)
    for image in page.locator("image.map").all():
        assert not image.is_visible()

    choose(page, "ssim")
    expect(page.locator("[data-canvas=current] image.map")).to_be_visible()
    expect(page.get_by_alt_text("dark blue differs, yellow is alike").first).to_be_visible()
    choose(page, "gradcam")
    expect(page.locator("[data-canvas=prior] image.map")).to_be_visible()
    check(page)
    choose(page, "side")
    expect(page.locator("[data-canvas=current] image.map:visible")).to_have_count(0)


@pytest.fixture
def doubtful_pair(visit: Visits, clinic: Clinic) -> str:
    """Where the page of a pair is whose evidence lies on the upper half, and partly beside it."""
    patient = make_patient(clinic)
    heat = np.zeros((80, 64, 4), np.uint8)
    heat[:40] = (255, 200, 0, 255)
    predictions = {}
    for which, day in (("prior", PRIOR_DATE), ("current", CURRENT_DATE)):
        film = store_film(patient, stepped(), exam_date=day)
        picture = BytesIO()
        Image.fromarray(heat).save(picture, "PNG")
        object_store().put_derived(film.sha256, {"heat_map.png": picture.getvalue()})
        predictions[which] = make_prediction(
            film, heat_map_key=film.sha256, heat_plausible=False, heat_outside_share=0.31
        )
    found = make_recommendation(
        prior=predictions["prior"].mammogram,
        current=predictions["current"].mammogram,
        prior_prediction=predictions["prior"],
        current_prediction=predictions["current"],
    )
    return f"/analyses/{found.job_id}/"


def test_s07_the_evidence_map_is_drawn_and_its_doubt_stands_on_it(visit, doubtful_pair, doctor):
    """Yellow over its half of each picture; the flag within each pane, above the fold."""
    page = opened(visit, doubtful_pair, doctor)
    page.keyboard.press("6")
    expect(page.locator("image.map:visible")).to_have_count(2)
    settled(page)

    for which in ("prior", "current"):
        red, _, blue = colour_at(page, which, *middle(3, 3))
        assert red - blue > 60, which
        red, green, blue = colour_at(page, which, *middle(3, 8))
        assert red == green == blue, which
        flag = page.locator(f"[data-film={which}]").get_by_text("do not trust this map")
        expect(flag).to_contain_text("31 % of it lies beside the breast")
        expect(flag).to_be_in_viewport(ratio=1)
    page.keyboard.press("1")
    expect(page.get_by_text("do not trust this map").first).to_be_hidden()


@pytest.mark.parametrize("size", [(1440, 900), (1280, 800)])
@pytest.mark.parametrize("mode", ["side", "ssim"])
def test_s07_both_breasts_and_the_suggestion_are_seen_without_scrolling(
    visit, read_clinic: ReadClinic, size, mode
):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"], size=size)
    ready(page)
    choose(page, mode)

    for selector in ("[data-film=prior]", "[data-film=current]", ".proposal", ".patient-banner"):
        expect(page.locator(selector)).to_be_in_viewport(ratio=1)
    box = page.locator("[data-film=current]").bounding_box()
    assert box
    assert box["height"] > 0.6 * size[1]
    proposal = page.locator(".proposal")
    expect(proposal).to_contain_text("Probability that a mass changed")
    expect(proposal.locator(".probability-band")).to_have_count(1)
    for which, shown in boxes(page).items():  # all of the picture is within its pane
        film = page.locator(f"[data-film={which}]")
        rows, columns = (
            int(film.get_attribute(f"data-{name}") or 0) for name in ("rows", "columns")
        )
        left, top, width, height = shown
        assert left <= 1
        assert top <= 1
        assert left + width >= columns - 1
        assert top + height >= rows - 1
    page.mouse.wheel(0, 0)
    assert page.evaluate("scrollY") == 0


def test_s07_the_probe_tells_gray_and_similarity(visit, pair, doctor):
    page = opened(visit, pair, doctor)
    choose(page, "ssim")
    film = page.locator("[data-film=current]")
    box = film.bounding_box()
    assert box
    left, top, width, height = boxes(page)["current"]
    x, y = middle(3, 4)

    film.hover(
        position={"x": (x - left) / width * box["width"], "y": (y - top) / height * box["height"]}
    )

    value = stepped(add=300)[int(y), int(x)] / 65535 * GRAY_LEVELS
    told = page.locator("[data-probe]").inner_text()
    assert told.startswith("current column ")
    assert f"gray {value:.1f}" in told
    assert told.endswith("SSIM 0.75")


def test_s07_a_diameter_is_measured_in_millimetres_and_kept_as_a_mark(visit, pair, doctor):
    page = opened(visit, pair, doctor)
    page.keyboard.press("d")
    box = page.locator("[data-film=prior]").bounding_box()
    assert box
    left, top, width, height = boxes(page)["prior"]

    def screen(x: float, y: float) -> tuple[float, float]:
        return (
            box["x"] + (x - left) / width * box["width"],
            box["y"] + (y - top) / height * box["height"],
        )

    page.mouse.move(*screen(100, 300))
    page.mouse.down()
    page.mouse.move(*screen(300, 300), steps=5)
    page.mouse.up()

    expect(page.locator("[data-measured]")).to_contain_text("mm on the prior picture")
    told = float(page.locator("[data-measured]").inner_text().split(" mm")[0])
    assert told == pytest.approx(20.0, abs=0.2)  # 200 px of 0.1 mm
    expect(page.get_by_role("checkbox", name="Prior aligned")).not_to_be_checked()
    page.get_by_role("link", name="Keep it as a marked lesion").click()
    assert float(page.get_by_label("Radius (px)").input_value()) == pytest.approx(100, abs=1)
    page.get_by_role("button", name="Mark and measure").click()

    expect(page.get_by_text("The lesion is marked.")).to_be_visible()


def test_s07_keys_can_be_switched_off_and_given_other_letters(visit, pair, doctor):
    page = opened(visit, pair, doctor)
    invert = page.get_by_role("button", name="Invert")

    page.keyboard.press("i")
    expect(invert).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(" ")
    expect(invert).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("?")
    page.get_by_label("Key for: Invert black and white").fill("v")
    page.get_by_label("Key for: Invert black and white").blur()
    check(page)
    page.get_by_role("button", name="Close").click()
    page.locator("[data-stage]").focus()
    page.keyboard.press("i")
    expect(invert).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("v")
    expect(invert).to_have_attribute("aria-pressed", "true")

    page.get_by_role("button", name="Keys and help").click()
    page.get_by_label("Single keys act").uncheck()
    page.get_by_role("button", name="Close").click()
    page.locator("[data-stage]").focus()
    page.keyboard.press("v")
    expect(invert).to_have_attribute("aria-pressed", "true")
    page.reload()
    ready(page)
    page.keyboard.press("3")
    expect(page.locator("[data-mode=blink]")).to_have_attribute("aria-pressed", "false")
    page.goto(f"{visit.url}/account/")  # the switch there is the same
    page.get_by_label("Single keys act on pages").check()
    page.go_back()
    ready(page)
    page.keyboard.press("3")
    expect(page.locator("[data-mode=blink]")).to_have_attribute("aria-pressed", "true")


def test_s07_keys_are_silent_where_text_is_typed(visit, pair, doctor):
    page = opened(visit, pair, doctor)

    page.get_by_label("Reason").press_sequentially("Zoom in, 3 mm")

    assert page.get_by_label("Reason").input_value() == "Zoom in, 3 mm"
    expect(page.locator("[data-mode=side]")).to_have_attribute("aria-pressed", "true")


def test_s07_side_view_and_date_stand_in_each_viewport_in_every_mode(visit, pair, doctor):
    page = opened(visit, pair, doctor)
    for mode in ("side", "swipe", "difference", "ssim"):
        choose(page, mode)
        labels = page.locator(".burn-film").all_inner_texts()
        assert [label.split("\n")[0].strip()[:4] for label in labels] == ["L CC", "L CC"], mode
        assert "Prior 5 Jan 2024" in labels[0], mode
        assert "Current 5 Jul 2024" in labels[1], mode


def test_s07_the_processing_views_and_the_histogram_stay_reachable(visit, read_clinic: ReadClinic):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"])
    ready(page)

    page.get_by_role("button", name="Processing views").click()

    expect(page.get_by_alt_text("Edges view of the current picture")).to_be_visible()
    expect(page.get_by_label("Histogram of intensities")).to_be_visible()
    check(page)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_s07_the_page_is_in_order_and_dark(visit, read_clinic: ReadClinic, scheme):
    """With the pictures taken away its mean luminance is below 12 %."""
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"], scheme=scheme)
    ready(page)
    check(page)
    page.evaluate("document.querySelector('[data-surface]').remove()")
    shot = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB"), np.float64) / 255
    linear = np.where(shot <= 0.04045, shot / 12.92, ((shot + 0.055) / 1.055) ** 2.4)

    assert (linear @ [0.2126, 0.7152, 0.0722]).mean() < 0.12
    assert shot.mean() < 0.12


def test_s07_it_reads_on_a_narrow_screen(visit, read_clinic: ReadClinic):
    page = visit(read_clinic.detail, user=read_clinic.people["doctor"], size=NARROW)
    ready(page)
    check(page)


def test_s07_a_lesion_that_is_not_the_measured_one_is_drawn_in_colour(
    visit: Visits, clinic: Clinic, doctor: User
):
    found = store_pair(make_patient(clinic), correspondence=laid_over())
    make_mark(found.prior, x=120.0, y=120.0, radius=40.0)
    page = opened(visit, f"/analyses/{found.job_id}/", doctor)

    look = page.locator(".disc-other circle").evaluate(
        "(circle) => [getComputedStyle(circle).stroke, getComputedStyle(circle).strokeWidth]"
    )

    assert look == ["rgb(255, 200, 90)", "2px"]  # on gray tissue gray is lost


def test_s07_a_simulated_picture_says_so_in_every_mode(visit: Visits, clinic: Clinic, doctor: User):
    found = store_pair(make_patient(clinic), correspondence=laid_over())
    Mammogram.objects.filter(pk=found.current_id).update(origin=Origin.SIMULATED)
    page = opened(visit, f"/analyses/{found.job_id}/", doctor)

    for mode in ("side", "swipe", "difference", "ssim"):
        page.locator(f"[data-mode={mode}]").click()
        settled(page)
        shown = page.locator("[data-film=current] .burn-simulated").evaluate(
            """(label) => {
                label.style.pointerEvents = "auto";  // what is clipped away is not hit
                const { x, y, width, height } = label.getBoundingClientRect();
                return document.elementFromPoint(x + width / 2, y + height / 2) === label;
            }"""
        )
        assert shown, mode
