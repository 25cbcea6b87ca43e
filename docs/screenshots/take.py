"""Take every picture of this folder, each in the dark and in the light: ``make screenshots``.

It starts a demonstration of its own on a free port, waits for its analyses, signs in as its people
and looks at their screens, some of them narrow and in Spanish. Screens that need more than the
demonstration holds (blind readings, unmatched files, emergency access, refusals) come from the
browser tests that use them, which it runs for that.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from analysis.demo.visitor import CheckFailed, Visitor  # noqa: E402

SAMPLES = sorted((ROOT / "analysis" / "demo" / "pictures").glob("*.png"))
BROWSER_TESTS = ROOT / "tests" / "browser"
PASSWORD = "demo-mammotrack"  # noqa: S105 -- the demonstration prints it
WIDE, NARROW = (1440, 900), (390, 844)
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
FOLLOWED, MARKED, MARKED_FOLLOW_UP = "Rivera", "Okafor", "R CC, 6 Oct 2017"
MAP_OPACITY = "60"
START_S = 120


class Camera:
    """Keeps what a page looks like, in both themes."""

    def __init__(self, page: Page, url: str, name: str) -> None:
        self.page = page
        self.url = url
        self.name = name  # of a picture, with a place for what is on it

    def open(self, path: str, name: str) -> None:
        """In each theme afresh: the administration's own looks at it once, at the start."""
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            self.page.goto(f"{self.url}{path}")
            self._keep(scheme, name, whole=False)

    def keep(self, name: str, *, whole: bool = False) -> None:
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            self._keep(scheme, name, whole=whole)

    def _keep(self, scheme: str, name: str, *, whole: bool) -> None:
        if whole:
            for picture in self.page.locator("img[loading=lazy]:visible").all():
                picture.scroll_into_view_if_needed()
            self.page.evaluate("scrollTo(0, 0)")
        self.page.wait_for_load_state("networkidle")
        expect(self.page.locator("[aria-busy]")).to_have_count(0)
        path = HERE / scheme / f"{self.name.format(name)}.jpg"
        path.parent.mkdir(exist_ok=True)
        self.page.screenshot(path=path, type="jpeg", quality=60, full_page=whole)
        sys.stdout.write(f"{path.relative_to(HERE)}\n")
        sys.stdout.flush()

    def sign_in(self, user: str) -> None:
        self.page.goto(f"{self.url}/sign-in/")
        self.page.locator("[name=login]").fill(user)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("[name=password]").press("Enter")
        self.page.wait_for_url(lambda url: "sign-in" not in url)

    def open_record(self, family_name: str) -> str:
        """Open the first patient of this family name; returns the path of the record."""
        self.page.goto(f"{self.url}/patients/")
        self.page.locator("#patient-rows tbody a").filter(has_text=family_name).first.click()
        self.page.wait_for_load_state("networkidle")
        return self.page.url.removeprefix(self.url)


def main() -> None:
    for scheme in SCHEMES:
        shutil.rmtree(HERE / scheme, ignore_errors=True)
    with demonstration() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        look(browser, url, doctors_screens, administrators_screens)
        look(browser, url, everyday_screens, size=NARROW, name="{}-narrow")
        look(
            browser, url, everyday_screens, administrators_everyday, locale="es", name="spanish-{}"
        )
        browser.close()
    tests = [str(each) for each in BROWSER_TESTS.glob("test_*.py") if ".keep(" in each.read_text()]
    command = [sys.executable, "-m", "pytest", "-q", *sorted(tests), "--pictures", str(HERE)]
    subprocess.run(command, cwd=ROOT, check=True)


@contextmanager
def demonstration() -> Iterator[str]:
    """The address of one whose analyses are done."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with TemporaryDirectory(prefix="mammotrack-") as folder:
        local = {"HTTPS_ONLY": "false", "MFA_REQUIRED": "false", "ALLOWED_HOSTS": "127.0.0.1"}
        command = [sys.executable, "manage.py", "demo", "--port", str(port)]
        running = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **local, "MAMMOTRACK_VAR_DIR": folder}
        )
        try:
            wait_for_analyses(url)
            yield url
        finally:
            running.terminate()
            running.wait()


def wait_for_analyses(url: str) -> None:
    deadline = monotonic() + START_S
    while True:
        try:
            Visitor(url, username="doctor", password=PASSWORD).analysed_pairs()
        except (OSError, CheckFailed):
            if monotonic() > deadline:
                raise
            sleep(2)
        else:
            return


def look(
    browser: Browser,
    url: str,
    *walks: Callable[[Camera], None],
    size: tuple[int, int] = WIDE,
    locale: str = "en-GB",
    name: str = "{}",
) -> None:
    """Walk past the screens, each walk in a browser of its own."""
    for walk in walks:
        width, height = size
        page = browser.new_page(viewport={"width": width, "height": height}, locale=locale)
        walk(Camera(page, url, name))
        page.close()


def everyday_screens(camera: Camera) -> None:
    """What everybody sees every day, for the narrow and the Spanish pictures."""
    page = camera.page
    camera.open("/sign-in/", "sign-in")
    camera.sign_in("doctor")
    camera.open("/worklist/", "worklist")
    camera.open("/patients/", "patients")
    timeline = camera.open_record(FOLLOWED)
    camera.keep("timeline")
    page.locator("a.tl-shot").nth(1).click()
    camera.keep("comparison")
    for part in ("history", "upload"):
        camera.open(f"{timeline}{part}/", part)
    camera.open("/system/", "system")
    camera.open("/account/", "account")


def administrators_everyday(camera: Camera) -> None:
    camera.sign_in("admin")
    camera.open("/audit/trail/", "audit-trail")


def doctors_screens(camera: Camera) -> None:
    page = camera.page
    camera.open("/sign-in/", "sign-in")
    camera.sign_in("doctor")
    camera.keep("worklist")
    for tab in ("failed", "mine", "today"):
        camera.open(f"/worklist/?tab={tab}", f"worklist-{tab}")
    camera.open("/patients/", "patients")
    camera.open("/patients/new/", "register")
    camera.open("/patients/archived/", "archived")
    timeline = camera.open_record(FOLLOWED)
    camera.keep("timeline")
    camera.keep("timeline-whole", whole=True)
    for place in (0, 1):  # the first lane's film and its follow-up
        page.locator(".tl-pick input").nth(place).check()
    page.locator("#compare-two").scroll_into_view_if_needed()
    camera.keep("timeline-two-chosen")
    page.get_by_role("button", name="Compare the two chosen").click()
    camera.keep("two-compared")
    page.goto(f"{camera.url}{timeline}")
    page.get_by_role("link", name="View by view").first.click()
    camera.keep("view-by-view")
    page.goto(f"{camera.url}{timeline}")
    page.locator("a.tl-shot").nth(1).click()
    comparison(camera)
    for part in ("edit", "consent", "history", "merge", "upload"):
        camera.open(f"{timeline}{part}/", part)
    page.get_by_label("Name:").check()
    page.get_by_label("Birth date:").check()
    page.locator("#many-files").set_input_files(SAMPLES[:2])
    camera.keep("upload")
    camera.open_record(MARKED)
    page.get_by_role("link", name=MARKED_FOLLOW_UP).first.click()
    page.get_by_role("heading", name="The marked lesion").scroll_into_view_if_needed()
    camera.keep("marked-lesion")
    camera.open("/system/", "system")
    camera.open("/account/", "account")
    camera.open("/account/sessions/", "sessions")
    camera.open("/account/keys/add/", "confirm-access")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/account/keys/add/")
    camera.keep("add-passkey")
    camera.open("/about/", "about")
    camera.open("/patients/emergency/", "emergency")
    camera.open("/nothing-here/", "not-found")


def comparison(camera: Camera) -> None:
    page = camera.page
    camera.keep("comparison")
    camera.keep("comparison-whole", whole=True)
    for mode in ("swipe", "difference", "ssim", "gradcam"):
        page.locator(f"[data-mode={mode}]").click()
        camera.keep(f"comparison-{mode}")
    page.get_by_role("button", name="As measured").click()
    page.get_by_label("Similarity map", exact=True).fill(MAP_OPACITY)
    camera.keep("similarity-map")


def administrators_screens(camera: Camera) -> None:
    camera.sign_in("admin")
    camera.open("/audit/trail/", "audit-trail")
    camera.page.get_by_role("button", name="Verify now").click()
    camera.keep("audit-verified")
    camera.page.locator("main a[href*='/audit/patients/']").first.click()
    camera.keep("audit-accesses")
    camera.open("/audit/", "audit-one-patient")
    camera.open("/admin/", "administration")


if __name__ == "__main__":
    main()
