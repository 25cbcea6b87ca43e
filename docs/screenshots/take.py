"""Take the pictures of this folder from a running demonstration (``make demo``).

    python docs/screenshots/take.py http://127.0.0.1:8000 --password PASSWORD --patient Rivera

It signs in as the demonstration doctor, opens a pair of that patient, looks, and changes nothing
but the audit trail.
"""

import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
SAMPLES = sorted((HERE.parents[1] / "analysis" / "demo" / "pictures").glob("*.png"))
WIDTH, HEIGHT = 1440, 900
MARKED, MARKED_FOLLOW_UP = "Okafor", "R CC, 6 Oct 2017"
MAP_OPACITY = "60"


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--user", default="doctor")
    parser.add_argument("--password", required=True)
    parser.add_argument("--patient", default="", help="begin of a family name; the first if empty")
    options = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark", locale="en-GB"
        )
        tour(page, options.url, options.user, options.password, options.patient)
        browser.close()


def tour(page: Page, url: str, user: str, password: str, patient: str) -> None:
    page.goto(f"{url}/sign-in/")
    page.get_by_label("User name").fill(user)
    save(page, "sign-in")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    save(page, "worklist")

    page.get_by_role("link", name="Patients", exact=True).click()
    save(page, "patients")
    rows = page.locator("#patient-rows tbody a")
    rows.filter(has_text=patient).first.click()
    save(page, "timeline")
    address = page.url

    page.locator("a.tl-shot").nth(1).click()  # the follow-up of the first lane
    save(page, "comparison")
    page.get_by_role("button", name="As measured").click()
    page.get_by_label("Similarity map", exact=True).fill(MAP_OPACITY)
    save(page, "similarity-map")
    page.locator(".evidence").scroll_into_view_if_needed()
    page.locator(".evidence").screenshot(path=HERE / "evidence.png")

    page.get_by_role("link", name="Patients", exact=True).click()
    rows.filter(has_text=MARKED).first.click()
    page.get_by_label(MARKED_FOLLOW_UP).click()
    page.get_by_role("heading", name="The marked lesion").scroll_into_view_if_needed()
    page.get_by_label("Change since the prior").screenshot(path=HERE / "marked-lesion.png")
    sys.stdout.write("marked-lesion.png\n")

    page.goto(address)
    page.get_by_role("link", name="Upload mammograms").click()
    page.get_by_label("Name:").check()
    page.get_by_label("Birth date:").check()
    page.locator("#many-files").set_input_files(SAMPLES[:2])
    save(page, "upload")


def save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}.png")
    sys.stdout.write(f"{name}.png\n")


if __name__ == "__main__":
    main()
