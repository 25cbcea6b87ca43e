"""Take the pictures of this folder from a running demonstration (``make demo``).

    python docs/screenshots/take.py http://127.0.0.1:8000 --password PASSWORD

It signs in as each of the demonstration's people and looks at every screen, once in the dark and
once in the light. It opens records, which the audit trail notes, sends no file and signs nothing.

Screens that need more than the demonstration holds (blind readings, unmatched files, emergency
access, the administration) come from the tests that use them::

    python -m pytest tests/browser --pictures docs/screenshots
"""

import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
SAMPLES = sorted((HERE.parents[1] / "analysis" / "demo" / "pictures").glob("*.png"))
WIDTH, HEIGHT = 1440, 900
FOLLOWED, MARKED, MARKED_FOLLOW_UP = "Rivera", "Okafor", "R CC, 6 Oct 2017"
MAP_OPACITY = "60"


class Camera:
    """Keeps what a page looks like in one theme."""

    def __init__(self, page: Page, url: str, scheme: str) -> None:
        self.page = page
        self.url = url
        self.scheme = scheme

    def open(self, path: str, name: str) -> None:
        self.page.goto(f"{self.url}{path}")
        self.keep(name)

    def keep(self, name: str, *, whole: bool = False) -> None:
        self.page.wait_for_load_state("networkidle")
        expect(self.page.locator("[aria-busy]")).to_have_count(0)
        folder = HERE / self.scheme
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.jpg"
        self.page.screenshot(path=path, type="jpeg", quality=80, full_page=whole)
        sys.stdout.write(f"{path.relative_to(HERE)}\n")


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--password", required=True)
    options = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for scheme in ("dark", "light"):
            with looking(browser, options.url, scheme) as camera:
                doctors_screens(camera, options.password)
            with looking(browser, options.url, scheme) as camera:
                administrators_screens(camera, options.password)
        browser.close()


@contextmanager
def looking(browser: Browser, url: str, scheme: str) -> Iterator[Camera]:
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="en-GB",
    )
    yield Camera(page, url, scheme)
    page.close()


def sign_in(camera: Camera, user: str, password: str) -> None:
    camera.open("/sign-in/", "sign-in")
    camera.page.get_by_label("User name").fill(user)
    camera.page.get_by_label("Password").fill(password)
    camera.page.get_by_role("button", name="Sign in").click()


def doctors_screens(camera: Camera, password: str) -> None:
    page = camera.page
    sign_in(camera, "doctor", password)
    camera.keep("worklist")
    for tab in ("failed", "mine", "today"):
        camera.open(f"/worklist/?tab={tab}", f"worklist-{tab}")
    camera.open("/patients/", "patients")
    camera.open("/patients/new/", "register")
    timeline = open_record(camera, FOLLOWED)
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
    if camera.scheme == "dark":  # pictures are read in the dark, whatever the theme
        comparison(camera)
    for part in ("edit", "consent", "history", "upload"):
        camera.open(f"{timeline}{part}/", part)
    page.get_by_label("Name:").check()
    page.get_by_label("Birth date:").check()
    page.locator("#many-files").set_input_files(SAMPLES[:2])
    camera.keep("upload")
    open_record(camera, MARKED)
    page.get_by_role("link", name=MARKED_FOLLOW_UP).first.click()
    page.get_by_role("heading", name="The marked lesion").scroll_into_view_if_needed()
    camera.keep("marked-lesion")
    camera.open("/system/", "system")
    camera.open("/account/", "account")
    camera.open("/account/sessions/", "sessions")
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


def administrators_screens(camera: Camera, password: str) -> None:
    sign_in(camera, "admin", password)
    camera.open("/audit/trail/", "audit-trail")
    camera.page.get_by_role("button", name="Verify now").click()
    camera.keep("audit-verified")
    camera.open("/admin/", "administration")


def open_record(camera: Camera, family_name: str) -> str:
    """Open the first patient of this family name; returns the path of the record."""
    page = camera.page
    page.goto(f"{camera.url}/patients/")
    page.locator("#patient-rows tbody a").filter(has_text=family_name).first.click()
    page.wait_for_load_state("networkidle")
    return page.url.removeprefix(camera.url)


if __name__ == "__main__":
    main()
