"""Pages opened in a browser, each watched for what no page may do."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from mammotrack.accounts.models import User

AXE = Axe()
SERIOUS = {"serious", "critical"}
REPORT_VIOLATIONS = """
    addEventListener("securitypolicyviolation", (event) => {
        console.error(`content policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
"""
WIDER = """[...document.querySelectorAll("main *, header *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth)
    .slice(-3).map((each) => each.outerHTML.slice(0, 120))"""
DARK_ADMINISTRATION = "(on) => document.documentElement.classList.toggle('dark', on)"
LONGEST_PICTURE = 1400
PATIENCE_MS = 30_000  # with what a page does sooner or later, however busy the machine is
WIDE, NARROW = (1440, 900), (320, 640)


@dataclass
class Visits:
    """Opens pages of one server, as whoever a test says.

    What a page complains of (an error in its script or console, a refusal of the content policy,
    a request to another host) fails the test at its end. ``tolerated`` holds parts of complaints
    that a test provokes: the browser logs each answer of 400 and above as an error.
    """

    browser: Browser
    url: str
    pictures: Path | None = None
    tolerated: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self,
        path: str = "/",
        *,
        user: User | None = None,
        size: tuple[int, int] = WIDE,
        scheme: str = "dark",
    ) -> Page:
        """A page at this path in a browser of its own, signed in as this user."""
        page = self.context(user=user, size=size, scheme=scheme).new_page()
        page.goto(f"{self.url}{path}")
        return page

    def context(
        self,
        *,
        user: User | None = None,
        size: tuple[int, int] = WIDE,
        scheme: str = "dark",
    ) -> BrowserContext:
        """A browser of its own; tabs of it share a session."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._note_request)
        if user is not None:
            context.add_cookies([{"name": "session", "value": _session(user), "url": self.url}])
        self.contexts.append(context)
        return context

    def keep(self, page: Page, name: str) -> None:
        """Pictures of this screen in both themes, for who asked for pictures."""
        if self.pictures is None:
            return
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        top = page.evaluate("() => { const at = scrollY; scrollTo(0, 0); return at; }")
        is_narrow = page.evaluate("innerWidth") == NARROW[0]
        for scheme in ("dark", "light"):
            path = self.pictures / scheme / f"{name}{'-narrow' if is_narrow else ''}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            if urlsplit(page.url).path.startswith("/admin/"):  # its theme looks once, at the start
                page.evaluate(DARK_ADMINISTRATION, scheme == "dark")
            width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
            part = {"x": 0, "y": 0, "width": width, "height": min(height, LONGEST_PICTURE)}
            page.screenshot(
                path=path,
                type="jpeg",
                quality=60,
                full_page=True,
                clip=part,  # type: ignore[arg-type]
            )
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.evaluate("(top) => scrollTo(0, top)", top)

    def _note_console(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} ({said.location['url']})")

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https"} and not request.url.startswith(self.url):
            self.complaints.append(f"asks another host: {request.url}")

    def close(self) -> None:
        """End all, and say what was complained of."""
        for context in self.contexts:
            with suppress(Exception):  # a test may have closed it
                context.close()
        unexpected = [
            text
            for text in self.complaints
            if not any(tolerated in text for tolerated in self.tolerated)
        ]
        assert unexpected == [], unexpected


def check(page: Page) -> None:
    """The page as it stands has nothing that axe calls serious or critical, and fits its width."""
    found = AXE.run(page).response["violations"]
    told = [
        f"{each['id']}: {each['help']}: {', '.join(str(node['target']) for node in each['nodes'])}"
        for each in found
        if each["impact"] in SERIOUS
    ]
    assert told == [], told
    assert_fits(page)


def assert_fits(page: Page) -> None:
    """Nothing needs scrolling sideways; a wide table scrolls in its own frame."""
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert beyond <= 0, f"{beyond} px too wide: {page.evaluate(WIDER)}"


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
