"""A browser, the application served from this process, and people who are signed in.

``visit`` opens pages; ``read_clinic`` is a clinic with one finished pair. Settings that a test
changes hold for the server too: it is this process.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from mammotrack.accounts.models import Clinic, Role, User
from tests.browser.clinic import Kept, ReadClinic, found_clinic, make_read_clinic
from tests.browser.visits import PATIENCE_MS, Visits
from tests.factories.accounts import make_clinic, make_user

# The same browser. Without windows of its own a page opens at a fifth of the processor's time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
_kept: list[Kept] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", type=Path, help="folder to keep pictures of the screens in")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip("no chromium on the PATH"))


class Shared:
    """One browser for the tests that follow each other here.

    It ends before any other test begins: Playwright keeps an event loop in this thread.
    """

    def __init__(self) -> None:
        self._held = ExitStack()
        self._browser: Browser | None = None

    def open(self) -> Browser:
        if self._browser is None:
            patch = self._held.enter_context(pytest.MonkeyPatch.context())
            patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the tests' queries are not in it
            driver = self._held.enter_context(sync_playwright())
            expect.set_options(timeout=PATIENCE_MS)
            self._browser = driver.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            self._held.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        self._browser = None
        self._held.close()


_shared = Shared()


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or "browser" not in nextitem.path.parts:
        _shared.close()


@pytest.fixture
def browser() -> Browser:
    return _shared.open()


@pytest.fixture
def visit(
    browser: Browser, live_server, store, hints, pytestconfig: pytest.Config
) -> Iterator[Visits]:
    """Opens pages; what they complained of fails the test. Uploads are announced, not analysed."""
    pictures = pytestconfig.getoption("--pictures", default=None)
    visits = Visits(browser, live_server.url, pictures=pictures)
    yield visits
    visits.close()


@pytest.fixture
def clinic() -> Clinic:
    return make_clinic()


@pytest.fixture
def doctor(clinic: Clinic) -> User:
    return make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Vera Lund")


@pytest.fixture
def read_clinic(visit: Visits, audit_dir, tmp_path_factory: pytest.TempPathFactory) -> ReadClinic:
    """A clinic where the pair of one patient is read and waits for a decision."""
    if _kept:
        _kept[0].put_back()
    else:
        make_read_clinic()
        _kept.append(Kept.of_now(tmp_path_factory.mktemp("read-clinic")))
    return found_clinic()
