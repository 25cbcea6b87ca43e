"""Runs everything MammoTrack needs on one machine: database, worker and web server.

::

    with Platform(port=8000) as platform:
        print(platform.url)
        platform.wait()

A process that dies is started again. When the block ends, for whatever reason, so do all
processes; they end too when this one is killed.
"""

import hashlib
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from io import StringIO
from pathlib import Path
from threading import Thread
from types import FrameType, TracebackType
from typing import NoReturn, Protocol, Self, cast

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from pymongo.errors import PyMongoError

from mammotrack import checks
from mammotrack.embedded import EmbeddedMongo, die_with_parent
from mammotrack.errors import MammoTrackError
from mammotrack.mongo.base import DatabaseWrapper

HOST = "127.0.0.1"
REQUEST_TIMEOUT_S = 60
WEB_START_TIMEOUT_S = 60

MAX_DEATHS = 5
DEATHS_WITHIN_S = 60
FIRST_PAUSE_S = 0.25  # before a dead process is started again; doubles with each death
POLL_S = 0.2

# Gently, at once, and then without asking. The worker puts the task it cannot finish back.
STOP_SIGNALS = ((signal.SIGTERM, 3), (signal.SIGQUIT, 1.5))
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

logger = logging.getLogger(__name__)


class PlatformError(RuntimeError):
    """MammoTrack cannot run; the message is one sentence for the operator."""


class Restartable(Protocol):
    @property
    def name(self) -> str: ...
    def poll(self) -> int | None:
        """None while it runs, else its exit status."""

    def restart(self) -> None: ...


class Child:
    """A process with all its descendants: they share a session of their own."""

    def __init__(
        self, name: str, command: Sequence[str | Path], *, variables: Mapping[str, str]
    ) -> None:
        self.name = name
        self._command = command
        self._environment = {**os.environ, **variables}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=settings.BASE_DIR,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for us: we stop it in order
            preexec_fn=die_with_parent(),  # noqa: PLW1509 -- one system call, no lock taken
        )

    def poll(self) -> int | None:
        return self._process.poll() if self._process else 0

    def restart(self) -> None:
        self.kill()
        self.start()

    def send(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End the process and whatever it left behind."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Supervisor:
    """Starts what died again, a little later each time, and gives up on what keeps dying."""

    def __init__(self, services: Sequence[Restartable]) -> None:
        self._services = services
        self._deaths: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MAX_DEATHS))

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        while not until():
            for service in self._services:
                status = service.poll()
                if status is not None:
                    self._revive(service, status)
            time.sleep(POLL_S)

    def _revive(self, service: Restartable, status: int) -> None:
        deaths = self._deaths[service.name]
        deaths.append(time.monotonic())
        recent = [moment for moment in deaths if moment > deaths[-1] - DEATHS_WITHIN_S]
        if len(recent) == MAX_DEATHS:
            raise PlatformError(
                f"The {service.name} ended {MAX_DEATHS} times within a minute, last with status "
                f"{status}; its own messages say why."
            )
        pause = FIRST_PAUSE_S * 2 ** len(recent)
        logger.error(
            "The %s ended with status %s and starts again in %s s.", service.name, status, pause
        )
        time.sleep(pause)
        service.restart()


def stop_all(children: Sequence[Child]) -> None:
    """End all children, at the same time, within five seconds."""
    for number, seconds in STOP_SIGNALS:
        for child in children:
            child.send(number)
        deadline = time.monotonic() + seconds
        while any(child.poll() is None for child in children) and time.monotonic() < deadline:
            time.sleep(POLL_S / 4)
    for child in children:
        child.kill()


class Platform:
    """The running application; use it as a context manager, in the main thread.

    SIGTERM and a closed terminal interrupt it as Ctrl-C does: KeyboardInterrupt. Port 0
    takes any that is free. Raises PlatformError or EmbeddedMongoError if it cannot start.
    """

    def __init__(self, *, port: int) -> None:
        self._port = port
        self._services: list[Restartable] = []
        self._running = ExitStack()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            _interrupt_on_signals(starting)
            self._port = _free_port(self._port)
            mongo = self._start_database(starting)
            _prepare_database()
            _collect_static_files()
            variables = {"MONGODB_URI": mongo.uri} if mongo else {}
            worker = Child("worker", _worker_command(), variables=variables)
            messenger = Child("messenger", _messenger_command(), variables=variables)
            web = Child("web server", web_command(self._port), variables=variables)
            starting.callback(_close_audit_trail)
            starting.callback(stop_all, [worker, messenger, web])
            worker.start()
            messenger.start()
            web.start()
            self._wait_until_it_answers(web)
            self._services = [s for s in (mongo, worker, messenger, web) if s]
            self._running = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def run(self, job: Callable[[], None]) -> None:
        """Do a job beside the processes, which are watched meanwhile; raise what it raises."""
        outcome: Future[None] = Future()

        def work() -> None:
            try:
                job()
                outcome.set_result(None)
            except Exception as error:
                outcome.set_exception(error)

        # The watching stays in this thread: what it starts lives as long as the thread does.
        Thread(target=work, daemon=True).start()
        Supervisor(self._services).watch(until=outcome.done)
        outcome.result()

    def wait(self) -> None:
        """Keep everything running until interrupted; raise PlatformError if that fails."""
        with suppress(KeyboardInterrupt):
            Supervisor(self._services).watch()

    @staticmethod
    def _start_database(starting: ExitStack) -> EmbeddedMongo | None:
        if not settings.MONGODB_EMBEDDED:
            return None
        return starting.enter_context(EmbeddedMongo(settings.VAR_DIR / "mongo"))

    def _wait_until_it_answers(self, web: Child) -> None:
        deadline = time.monotonic() + WEB_START_TIMEOUT_S
        while not _answers(self._port):
            if web.poll() is not None:
                raise PlatformError(
                    f"The web server ended with status {web.poll()} while it was starting; its "
                    "own messages say why."
                )
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"The web server did not answer within {WEB_START_TIMEOUT_S} seconds."
                )
            time.sleep(POLL_S / 4)


def _interrupt_on_signals(stack: ExitStack) -> None:
    """Turn each signal into KeyboardInterrupt; a second one does not disturb the stopping."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in INTERRUPTS:
        before = signal.getsignal(number)
        if number == signal.SIGHUP and before == signal.SIG_IGN:
            continue  # started with nohup: the terminal may go
        signal.signal(number, interrupt)
        stack.callback(signal.signal, number, before)


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PlatformError(
                f"Port {port} cannot be used ({error.strerror}): choose another with --port."
            ) from error
        return int(probe.getsockname()[1])


def _prepare_database() -> None:
    for problem in checks.check_database(databases=[DEFAULT_DB_ALIAS]):
        raise PlatformError(problem.msg)
    call_command("migrate", interactive=False, verbosity=0)
    # Its threads have no place in a process that forks others.
    cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS]).close_pool()


def _close_audit_trail() -> None:
    """Chain what the last requests left and sign the heads, while the database still runs."""
    try:
        call_command("audit_anchor", stdout=StringIO())
    except (DatabaseError, PyMongoError, MammoTrackError, OSError):
        logger.exception("The audit trail was not closed; the next start goes on with it.")
    cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS]).close_pool()


def _collect_static_files() -> None:
    """Run collectstatic if a static file changed since it last ran here."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    stamp = settings.VAR_DIR / "static.sha256"
    current = f"{digest.hexdigest()} {settings.STATIC_ROOT}"
    if settings.STATIC_ROOT.is_dir() and stamp.exists() and stamp.read_text() == current:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(current)


def _worker_command() -> list[str | Path]:
    """One task at a time: each fills a core. Its timetable runs in the same command."""
    timetable: list[str | Path] = ["--beat", "--schedule", settings.VAR_DIR / "beat-schedule"]
    return [*_celery_command(), "--concurrency", "1", *timetable]


def _messenger_command() -> list[str | Path]:
    """Sends webhooks: it waits for others' servers, which no analysis has to wait for."""
    return [*_celery_command(), "--queues", "webhooks", "--pool", "threads", "--concurrency", "1"]


def _celery_command() -> list[str | Path]:
    # In a container root is the usual user, and the worker takes nothing but JSON from its broker.
    quiet = ["-W", "ignore:You're running the worker with superuser privileges"]
    command: list[str | Path] = [sys.executable, *quiet]
    command += ["-m", "celery", "--quiet", "-A", "mammotrack", "worker"]
    return [*command, "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]


def web_command(port: int) -> list[str | Path]:
    command: list[str | Path] = [sys.executable, "-m", "gunicorn"]
    command += ["--config", "python:mammotrack.web_server", "--bind", f"{HOST}:{port}"]
    return [*command, "--access-logfile", settings.VAR_DIR / "access.log"]


def _answers(port: int) -> bool:
    """Whether the web server answers, with whatever: also a refusal is an answer."""
    client = http.client.HTTPConnection(HOST, port, timeout=REQUEST_TIMEOUT_S)
    try:
        client.request("HEAD", "/")
        client.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        client.close()
