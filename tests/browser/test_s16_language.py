"""S16: a person chooses Spanish and works in it, from the sign-in to the signature.

What was forgotten is found by its words: one that only the English side of the catalogue knows
may stand on no Spanish page, unless it is somebody's name.
"""

import re
from collections.abc import Iterator
from functools import cache

from playwright.sync_api import Page, expect

from mammotrack.catalogue import DOMAINS, kept
from tests.browser.clinic import CLINIC_NAME, PEOPLE, ReadClinic
from tests.browser.test_s01_sign_in import give_password
from tests.browser.visits import Visits, assert_fits, check
from tests.factories.accounts import PASSWORD

WORD = re.compile(r"[^\W\d_]{3,}")
DATE = re.compile(r"\b\w{3} \d{4}\b")  # May is a month in both
CODE = re.compile(r"\b[A-Z]+-\d\b|\b[\w+-]*[a-z]-[\w.+-]*\d[\w.+-]*")  # a rule, a version
NAMES = [
    CLINIC_NAME,
    "English",
    "The Cancer Imaging Archive",
    *(full_name for _, full_name in PEOPLE.values()),
]
SAID = """() => {
    const OTHERS = "script, style, template, .mono, .code, code, kbd, pre";
    const said = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (element.closest(OTHERS)) continue;
        said.push(walker.currentNode.textContent);
    }
    for (const name of ["aria-label", "alt", "title", "placeholder", "data-label", "data-text"]) {
        for (const element of document.querySelectorAll(`[${name}]`)) {
            said.push(element.getAttribute(name));
        }
    }
    return [document.title, ...said].map((text) => text.trim()).filter(Boolean);
}"""
BROKEN_NUMBERS = """() => {
    const names = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "viewBox"];
    const shapes = [...document.querySelectorAll("svg, svg *")];
    const given = shapes.flatMap((each) => names.map((name) => each.getAttribute(name) ?? ""));
    const films = [...document.querySelectorAll("[data-spacing]")];
    const told = films.map((each) => each.dataset.spacing);
    return [...given, ...told].filter((text) => text.includes(","));
}"""


@cache
def english_words() -> frozenset[str]:
    """Those that no Spanish text of the catalogue uses."""
    english, spanish = set(), set()
    for message in (each for domain in DOMAINS for each in kept(domain) if each.id):
        english |= set(_words(message.id))
        spanish |= set(_words(message.string))
    return frozenset(english - spanish)


def _words(texts: str | tuple[str, ...]) -> Iterator[str]:
    for text in [texts] if isinstance(texts, str) else texts:
        plain = re.sub(r"<[^>]*>|%\(\w+\)s", " ", text)
        yield from (word.lower() for word in WORD.findall(plain))


def left_in_english(page: Page) -> list[str]:
    found = []
    for text in page.evaluate(SAID):
        without_names = CODE.sub("", DATE.sub("", text))
        for name in NAMES:
            without_names = without_names.replace(name, "")
        if english_words() & set(_words(without_names)):
            found.append(text)
    return found


def assert_spanish(page: Page) -> None:
    assert page.locator("html").get_attribute("lang") == "es"
    found = left_in_english(page)
    assert not found, "\n".join([page.url, *found])
    assert page.evaluate(BROKEN_NUMBERS) == [], page.url
    check(page)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert_fits(page)
    page.set_viewport_size({"width": 1440, "height": 900})


def test_s16_a_doctor_works_in_spanish_from_sign_in_to_signature(
    visit: Visits, read_clinic: ReadClinic
):
    doctor = read_clinic.people["doctor"]
    page = visit("/")
    page.get_by_role("button", name="Español").click()
    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()
    assert_spanish(page)

    page.get_by_label("Nombre de usuario").fill(doctor.username)
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Iniciar sesión").click()
    expect(page.get_by_role("heading", name="Lista de trabajo")).to_be_visible()
    assert_spanish(page)
    visit.keep(page, "spanish-worklist")

    page.goto(f"{visit.url}/patients/{read_clinic.patient.pk}/")
    expect(page.get_by_role("heading", name="Línea de tiempo")).to_be_visible()
    assert_spanish(page)
    visit.keep(page, "spanish-timeline")

    page.goto(f"{visit.url}{read_clinic.detail}")
    expect(page.get_by_role("button", name="Firmar la decisión")).to_be_visible()
    expect(page.locator("[data-surface]")).to_be_visible()
    assert_spanish(page)
    visit.keep(page, "spanish-review")
    proposal = page.locator(".proposal h2").inner_text().strip()
    page.get_by_role("radio", name=proposal).check()
    page.get_by_label("Su contraseña").fill(PASSWORD)
    page.get_by_role("button", name="Firmar la decisión").click()
    expect(page.get_by_text("Su firma queda registrada.")).to_be_visible()
    assert_spanish(page)


def test_s16_no_page_of_a_doctor_is_left_in_english(visit: Visits, read_clinic: ReadClinic):
    visit.tolerated.append("status of 404")
    doctor = read_clinic.people["doctor"]
    doctor.language = "es"
    doctor.save()
    patient, job = f"/patients/{read_clinic.patient.pk}", read_clinic.job
    page = visit("/worklist/", user=doctor)
    for path in (
        *(f"/worklist/?tab={tab}" for tab in ("overdue", "mine", "progress", "failed", "signed")),
        "/patients/",
        "/patients/new/",
        "/patients/archived/",
        *(f"{patient}/{each}/" for each in ("edit", "consent", "history", "upload", "merge")),
        f"{patient}/compare/?picture={job.prior_id}&picture={job.current_id}",
        f"{patient}/compare/",
        f"/mammograms/{job.current_id}/lesions/1/describe/",
        f"/exams/{job.current.exam_id}/",
        "/system/",
        "/account/",
        "/account/sessions/",
        "/account/keys/add/",
        "/about/",
        "/patients/00000000-0000-0000-0000-000000000000/",
    ):
        page.goto(f"{visit.url}{path}")
        assert_spanish(page)


def test_s16_no_page_of_an_administrator_is_left_in_english(visit: Visits, read_clinic: ReadClinic):
    administrator = read_clinic.people["admin"]
    administrator.language = "es"
    administrator.save()
    page = visit("/system/", user=administrator)
    for path in (
        "/system/",
        "/audit/",
        "/audit/trail/",
        f"/audit/patients/{read_clinic.patient.pk}/",
        "/patients/emergency/accesses/",
    ):
        page.goto(f"{visit.url}{path}")
        assert_spanish(page)


def test_s16_the_language_is_chosen_on_the_account_page_and_left_again(
    visit: Visits, read_clinic: ReadClinic
):
    doctor = read_clinic.people["doctor"]
    page = visit("/")
    give_password(page, doctor.username)
    page.goto(f"{visit.url}/account/")

    page.get_by_role("button", name="Español").click()
    expect(page.get_by_role("heading", name="Mi cuenta")).to_be_visible()
    expect(page.get_by_role("button", name="Español")).to_have_attribute("aria-pressed", "true")

    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()
