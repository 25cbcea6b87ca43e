"""Processes that start, die, come back and leave nothing behind: all of them real."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from mammotrack import supervisor
from mammotrack.supervisor import Child, PlatformError, Supervisor, stop_all

REPOSITORY = Path(__file__).parents[2]


T = TypeVar("T")


def wait_for(condition: Callable[[], T], *, seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still waiting after {seconds} s"
        time.sleep(0.05)
    return value


def processes_with(variable: str) -> dict[int, str]:
    """Number and command line of every process with ``NAME=value`` in its environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(folder.name)] = command
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or it is somebody else's
    return {pid: command for pid, command in found.items() if command}


class TestSupervisor:
    @pytest.fixture(autouse=True)
    def no_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0)
        monkeypatch.setattr(supervisor, "POLL_S", 0.02)
        monkeypatch.setattr(
            supervisor, "STOP_SIGNALS", ((signal.SIGTERM, 0.5), (signal.SIGQUIT, 0.5))
        )

    @pytest.fixture
    def child(self, tmp_path: Path) -> Iterator[Callable[[str], Child]]:
        children: list[Child] = []

        def start(program: str) -> Child:
            variables = {"MARK": str(tmp_path)}
            child = Child("program", [sys.executable, "-c", program], variables=variables)
            child.start()
            children.append(child)
            return child

        yield start
        for each in children:
            each.kill()

    def test_starts_again_what_died_and_gives_up_on_what_keeps_dying(
        self, child: Callable[[str], Child], tmp_path: Path
    ) -> None:
        starts = tmp_path / "starts"
        started = child(f"open({str(starts)!r}, 'a').write('.'); raise SystemExit(3)")
        with pytest.raises(PlatformError) as raised:
            Supervisor([started]).watch()
        assert str(raised.value) == (
            "The program ended 5 times within a minute, last with status 3; its own messages "
            "say why."
        )
        assert starts.read_text() == "....."

    def test_deaths_long_ago_do_not_count(
        self, child: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(supervisor, "DEATHS_WITHIN_S", 0)
        starts = tmp_path / "starts"
        started = child(f"open({str(starts)!r}, 'a').write('.')")

        def interrupt_later(_seconds: float, real: Callable[[float], None] = time.sleep) -> None:
            real(0.02)
            if starts.exists() and len(starts.read_text()) > supervisor.MAX_DEATHS:
                raise KeyboardInterrupt

        # Of the supervisor alone: other threads of this process sleep, too.
        its_time = SimpleNamespace(sleep=interrupt_later, monotonic=time.monotonic)
        monkeypatch.setattr(supervisor, "time", its_time)
        with pytest.raises(KeyboardInterrupt):
            Supervisor([started]).watch()

    def test_stops_the_deaf_and_their_descendants(
        self, child: Callable[[str], Child], tmp_path: Path
    ) -> None:
        deaf = (
            "import signal, subprocess, sys, time\n"
            "for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "time.sleep(60)\n"
        )
        started = child(deaf)
        mark = f"MARK={tmp_path}"
        wait_for(lambda: len(processes_with(mark)) == 2, seconds=60)
        stop_all([started])
        assert started.poll() == -signal.SIGKILL
        wait_for(lambda: processes_with(mark) == {}, seconds=30)


class Served:
    """``manage.py serve`` in a process of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.var_dir = folder / "var"
        self.mark = f"MAMMOTRACK_VAR_DIR={self.var_dir}"
        self.log = folder / "log"
        self.access_log = self.var_dir / "access.log"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
            "MAMMOTRACK_VAR_DIR": str(self.var_dir),
            "MONGODB_URI": "",
            "HTTPS_ONLY": "false",
            "ALLOWED_HOSTS": "127.0.0.1",
            **variables,
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", "0"],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def address(self) -> tuple[str, int]:
        """Where it answers, once it says so."""

        def announced() -> str | None:
            assert self.process.poll() is None, self.log.read_text()
            words = self.log.read_text().split()
            return words[words.index("at") + 1] if "MammoTrack runs at" in " ".join(words) else None

        parts = urlsplit(wait_for(announced, seconds=90))
        return str(parts.hostname), int(parts.port or 0)

    def status_of(self, path: str) -> int | None:
        """The HTTP status of a page; None when nobody answers."""
        client = http.client.HTTPConnection(*self.address(), timeout=30)
        try:
            client.request("GET", path)
            return client.getresponse().status
        except OSError:
            return None
        finally:
            client.close()

    def processes(self) -> dict[int, str]:
        return processes_with(self.mark)

    def pid_of(self, word: str) -> int:
        """The oldest of its processes with this word in the command: the others are its own."""
        return min(pid for pid, command in self.processes().items() if word in command)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.kill()


@pytest.mark.slow
class TestServe:
    """The methods run in order, on one platform."""

    def test_answers(self, served: Served) -> None:
        assert served.status_of("/?q=Doe-Jane") == 302

    def test_keeps_search_words_out_of_the_log(self, served: Served) -> None:
        assert served.status_of("/nowhere?q=Doe-Jane") in (302, 404)
        wait_for(lambda: '"GET /nowhere"' in served.access_log.read_text(), seconds=30)
        assert "Doe-Jane" not in served.access_log.read_text() + served.log.read_text()

    @pytest.mark.parametrize("word", ["gunicorn", "--beat", "mongod "])
    def test_a_killed_process_comes_back(self, served: Served, word: str) -> None:
        wait_for(lambda: len(served.processes()) == 9, seconds=60)
        before = served.pid_of(word)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: before not in served.processes(), seconds=30)
        # supervisor, mongod, gunicorn and its two processes, messenger, worker, its process and
        # its timetable; the server of decoders has no environment
        wait_for(lambda: len(served.processes()) == 9, seconds=60)
        assert wait_for(lambda: served.status_of("/"), seconds=30) == 302

    def test_stops_within_ten_seconds_and_leaves_nothing(self, served: Served) -> None:
        started = time.monotonic()
        assert served.stop() == 0, served.log.read_text()
        assert time.monotonic() - started < 10
        assert served.processes() == {}
        # Those killed above, and no other, came back.
        died = re.findall(r"The (.+) ended with status (\S+) and starts", served.log.read_text())
        assert died == [("web server", "-9"), ("worker", "-9"), ("database server", "-9")]

    def test_dies_with_all_its_processes(self, served: Served) -> None:
        again = Served(served.var_dir.parent)
        try:
            again.address()
            wait_for(lambda: len(again.processes()) == 9, seconds=60)
            again.process.kill()
            wait_for(lambda: again.processes() == {}, seconds=60)
        finally:
            again.kill()


class TestServeRefuses:
    def serve(self, folder: Path, port: int, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "MAMMOTRACK_VAR_DIR": str(folder), "MONGODB_URI": ""}
        return subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=REPOSITORY,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_port_in_use(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.serve(tmp_path, port)
        sentence = (
            f"Port {port} cannot be used (Address already in use): choose another with --port."
        )
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"CommandError: {sentence}")
        assert not (tmp_path / "mongo").exists()

    def test_no_database_server(self, tmp_path: Path) -> None:
        done = self.serve(tmp_path, 0, MONGOD_BIN="/nowhere")
        sentence = "MONGOD_BIN is /nowhere, which is not a program."
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"CommandError: {sentence}")

    def test_clinic_database_that_does_not_answer(self, tmp_path: Path) -> None:
        done = self.serve(tmp_path, 0, MONGODB_URI="mongodb://127.0.0.1:9/")
        sentence = "No MongoDB server answers at 127.0.0.1:9: see MONGODB_URI."
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"CommandError: {sentence}")


class TestWatchingWhile:
    def test_watches_until_told(self, tmp_path: Path) -> None:
        starts = tmp_path / "starts"
        program = f"open({str(starts)!r}, 'a').write('.')"
        child = Child("program", [sys.executable, "-c", program], variables={})
        child.start()
        try:
            Supervisor([child]).watch(
                until=lambda: starts.exists() and len(starts.read_text()) == 2
            )
        finally:
            child.kill()
        assert starts.read_text() == ".."
