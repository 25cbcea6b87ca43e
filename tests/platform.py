"""The whole application as its own processes, on the test's database: for tests of the outside."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

START_S = 90
STOP_S = 30
POLL_S = 0.05


@dataclass(frozen=True)
class RunningPlatform:
    """``manage.py serve``, its worker and its web server."""

    url: str
    folder: Path  # what it keeps beside the database and the store, and all it said
    supervisor: subprocess.Popen[bytes]

    def kill(self, program: str) -> None:
        """SIGKILL every process of the supervisor's whose command line names the program."""
        killed = [pid for pid in _descendants(self.supervisor.pid) if program in _command_of(pid)]
        assert killed, f"{program} is not running"
        for pid in killed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it went with its parent


@contextmanager
def running_platform(*, mongo_uri: str, **environment: str) -> Iterator[RunningPlatform]:
    """Serve the test database on a free port, with these variables on top."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = settings.VAR_DIR / f"platform-{port}"
    folder.mkdir(parents=True)
    said = folder / "stdout"
    with said.open("wb") as output, (folder / "stderr").open("wb") as errors:
        supervisor = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
                "MONGODB_URI": mongo_uri,
                "MONGODB_DATABASE": connection.settings_dict["NAME"],
                "MAMMOTRACK_VAR_DIR": str(folder),
                "MAMMOTRACK_STORE": str(settings.MEDIA_ROOT),
                "MAMMOTRACK_AUDIT_DIR": str(settings.AUDIT_DIR),
                "HTTPS_ONLY": "false",
                "MFA_REQUIRED": "false",
                "ALLOWED_HOSTS": "127.0.0.1",
                **environment,
            },
            stdout=output,
            stderr=errors,
        )
    platform = RunningPlatform(f"http://127.0.0.1:{port}", folder, supervisor)
    try:
        wait_until(lambda: platform.url in said.read_text(), within_s=START_S)
        yield platform
    finally:
        family = _descendants(supervisor.pid)
        supervisor.send_signal(signal.SIGINT)
        supervisor.wait(STOP_S)
        wait_until(lambda: not any(_command_of(pid) for pid in family), within_s=STOP_S)


def wait_until(condition: Callable[[], object], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        time.sleep(POLL_S)


def _command_of(pid: int) -> str:
    """Empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


def _descendants(pid: int) -> list[int]:
    """Every process below this one (Linux)."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = status.read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        parents[int(status.parent.name)] = int(after_name[1])
    found, wave = [], [pid]
    while wave:
        wave = [child for child, parent in parents.items() if parent in wave]
        found += wave
    return found
