"""How soon the viewer shows a pair at full depth, how smoothly it moves, how large its script is.

::

    python -m mammotrack.embedded python -m benchmarks.viewer [--loads 5] [--canvas]

A synthetic pair of 4,000 x 3,000 pixels of 16 bits is stored as an upload stores it, with an
alignment. The web server, just started, serves it as it does in a clinic, with its access checks,
hashes and audit trail, to Chromium without a window. First pixels are counted from the click to
the frame after the one in which both films are drawn, aligned, from all of their values. WebGL is
drawn by the processor (SwiftShader): a workstation with any graphics card is faster. ``--canvas``
measures the way without WebGL.
"""

import argparse
import gzip
import os
import shutil
import statistics
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.pages import web_server

ROWS, COLUMNS = 4000, 3000
WINDOW = {"width": 1440, "height": 900}
MOVE_S = 4
MOVE = """(seconds) => new Promise((done) => {
    const stage = document.querySelector("[data-stage]");
    const box = stage.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 4, box.top + box.height / 2];
    const send = (kind, across) => stage.dispatchEvent(new PointerEvent(kind, {
        bubbles: true, cancelable: true, button: 0, clientX: x + across, clientY: y }));
    stage.setPointerCapture = () => {};
    const start = performance.now();
    let frames = 0;
    send("pointerdown", 0);
    requestAnimationFrame(function move(now) {
        frames += 1;
        send("pointermove", 60 * Math.sin(frames / 9));
        if (now - start < 1000 * seconds) return requestAnimationFrame(move);
        send("pointerup", 0);
        done(1000 * frames / (now - start));
    });
})"""
WITHOUT_WEBGL = """
    const made = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind === "webgl2" ? null : made.call(this, kind, ...rest);
    };
"""


def film(seed: int):
    """A half-ellipse of smooth tissue with a little noise, air black: 57 % breast."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    breast = (across / 2400) ** 2 + ((down - ROWS / 2) / 1800) ** 2 < 1
    coarse = rng.normal(size=(ROWS // 8, COLUMNS // 8)).astype(np.float32)
    tissue = cv2.GaussianBlur(coarse, (0, 0), 12)
    tissue = cv2.resize(tissue / tissue.std(), (COLUMNS, ROWS))
    noise = rng.normal(size=breast.shape) * 300
    return np.where(breast, np.clip(22_000 + 6_000 * tissue + noise, 0, 65_535), 0).astype("u2")


def store_pair():
    """The path of a page that shows a registered pair, and a doctor who may open it."""
    from analysis.models import Recommendation
    from mammotrack.accounts.models import Role
    from scans.services import object_store
    from tests.browser.films import CURRENT_DATE, PRIOR_DATE, laid_over, store_film
    from tests.factories.accounts import make_clinic, make_user
    from tests.factories.analysis import make_comparison, make_recommendation
    from tests.factories.patients import make_patient

    clinic = make_clinic()
    patient = make_patient(clinic)
    prior = store_film(patient, film(1), exam_date=PRIOR_DATE, pixel_spacing_mm=0.07)
    current = store_film(patient, film(2), exam_date=CURRENT_DATE, pixel_spacing_mm=0.07)
    comparison = make_comparison(prior=prior, current=current)
    object_store().put_derived(
        comparison.pictures_key, {"correspondence.f32": laid_over(across=0.004)}
    )
    found: Recommendation = make_recommendation(prior=prior, current=current, comparison=comparison)
    stored = object_store().derived_path(prior.sha256, "pixels.png").stat().st_size
    print(f"pair: 2 x {ROWS} x {COLUMNS} of 16 bits, stored as {stored / 1e6:.1f} MB each")
    return f"/analyses/{found.job_id}/", make_user(Role.DOCTOR, clinics=[clinic])


def measure(url: str, path: str, user, *, loads: int, without_webgl: bool) -> None:
    from django.conf import settings
    from django.test import Client
    from playwright.sync_api import sync_playwright

    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        scripts: dict[str, bytes] = {}
        first, rates, renderer = [], {}, ""
        for load in range(loads):
            context = browser.new_context(viewport=WINDOW)
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}]
            )
            if without_webgl:
                context.add_init_script(WITHOUT_WEBGL)
            page = context.new_page()
            if load == 0:
                page.on("response", lambda answer: keep_script(scripts, answer))
            page.goto(url + path)
            page.wait_for_selector("[data-stage][data-state=ready]")
            first.append(
                page.evaluate("performance.getEntriesByName('viewer-first-pixels')[0].startTime")
            )
            renderer = page.evaluate("document.querySelector('[data-stage]').dataset.renderer")
            if load == loads - 1:
                for mode in ("side", "difference"):
                    page.click(f"[data-mode={mode}]")
                    rates[mode] = page.evaluate(MOVE, MOVE_S)
            context.close()
        browser.close()
    middle = statistics.median(first) / 1000
    each = ", ".join(f"{time / 1000:.2f}" for time in first)
    size = sum(len(gzip.compress(body, 9)) for body in scripts.values())
    load = os.getloadavg()[0]
    day = datetime.now(UTC).date()
    print(f"{day}, {os.cpu_count()} cores, load average {load:.1f} at the end")
    print(f"renderer: {renderer}, drawn by the processor, {WINDOW['width']} x {WINDOW['height']}")
    print(f"first pixels: {middle:.2f} s in the middle of {each} s")
    print(f"moving: {rates['side']:.0f} frames a second side by side, prior aligned")
    print(f"moving: {rates['difference']:.0f} frames a second as difference")
    print(f"script of the page: {len(scripts)} files, {size / 1000:.1f} kB gzipped")


def keep_script(scripts: dict[str, bytes], answer) -> None:
    path = answer.url.split("?")[0]
    if path.endswith(".js") and answer.ok:
        scripts[path] = answer.body()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--canvas", action="store_true", help="without WebGL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mammotrack-") as folder:
        os.environ |= {
            "MONGODB_DATABASE": f"benchmark_{uuid.uuid4().hex[:8]}",
            "MAMMOTRACK_VAR_DIR": folder,
            "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # Playwright keeps a loop in this thread
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTPS_ONLY": "false",
            "MFA_REQUIRED": "false",
            "LOG_LEVEL": "ERROR",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        try:
            path, user = store_pair()
            with web_server(Path(folder)) as port:
                url = f"http://127.0.0.1:{port}"
                measure(url, path, user, loads=options.loads, without_webgl=options.canvas)
        finally:
            connection.database.client.drop_database(connection.settings_dict["NAME"])


if __name__ == "__main__":
    main()
