"""S07: the pictures of a pair come once, early, and with the values that were stored."""

import base64

import numpy as np
from imagecodecs import PNG, png_encode
from playwright.sync_api import expect

from tests.browser.films import laid_over, store_pair
from tests.factories.patients import make_patient

DECODE = """async (content) => {
    const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
    const { decodePng } = await import("/static/js/viewer/png.js");
    const { rows, columns, depth, values } = await decodePng(bytes.buffer);
    return { shape: [rows, columns], depth, values: [...values] };
}"""


def test_s07_what_the_head_of_the_page_asks_for_is_asked_for_once(visit, clinic, doctor):
    """Both films and their alignment: a second request would be a second entry in the trail."""
    found = store_pair(make_patient(clinic), correspondence=laid_over())
    page = visit.context(user=doctor).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(visit.url)))

    page.goto(f"{visit.url}/analyses/{found.job_id}/")
    expect(page.locator("[data-stage]")).to_have_attribute("data-state", "ready")

    preloads = page.locator("link[rel=preload]").evaluate_all(
        "(links) => links.map((link) => link.getAttribute('href'))"
    )
    assert len(preloads) == 3
    assert [asked.count(address) for address in preloads] == [1, 1, 1]
    modules = [path for path in asked if "/js/viewer/" in path and "decode" not in path]
    assert len(modules) - len(set(modules)) <= 1  # png.js, once for the worker of each film
    assert max(map(asked.index, preloads)) < asked.index("/static/js/viewer/main.js")


def test_s07_every_filter_of_a_png_is_undone(visit, doctor):
    page = visit("/about/", user=doctor)
    rng = np.random.default_rng(1)
    for depth in (8, 16):
        film = rng.integers(0, 2**depth, size=(13, 7)).astype(f"u{depth // 8}")
        stored = {"shape": [13, 7], "depth": depth, "values": film.ravel().tolist()}
        for how in ("NONE", "SUB", "UP", "AVG", "PAETH", "ALL"):
            content = png_encode(film, filter=getattr(PNG.FILTER, how))

            decoded = page.evaluate(DECODE, base64.b64encode(content).decode())

            assert decoded == stored, (depth, how)
