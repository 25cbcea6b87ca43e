"""The embedded server as users meet it: processes, files and signals are real."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pymongo import MongoClient

from mammotrack import embedded
from mammotrack.embedded import (
    AlreadyRunningError,
    EmbeddedMongo,
    EmbeddedMongoError,
    running_server,
    uri_for,
)

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongo]:
    with EmbeddedMongo(tmp_path_factory.mktemp("mongo")) as server:
        yield server


def command_line_of(pid: int) -> str:
    """Of the process with this number; empty when there is none or it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


def wait_until_gone(pid: int, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while "mongod" in command_line_of(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


class TestRunning:
    def test_accepts_transactions(self, server: EmbeddedMongo) -> None:
        with MongoClient(server.uri) as client, client.start_session() as session:
            with session.start_transaction():
                client.test.things.insert_one({"_id": 1}, session=session)
            assert client.test.things.count_documents({}) == 1

    def test_listens_on_no_network_address(self, server: EmbeddedMongo) -> None:
        sockets = set()
        for descriptor in Path(f"/proc/{server.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                sockets.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
        tables = [Path(f"/proc/{server.pid}/net/{name}") for name in ("tcp", "tcp6")]
        lines = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
        assert [line for line in lines if line[9] in sockets] == []

    def test_only_its_owner_can_reach_it(self, server: EmbeddedMongo) -> None:
        folder = server.data_dir
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "run")]
        assert modes == [0o700, 0o700]

    def test_second_start_is_refused(self, server: EmbeddedMongo) -> None:
        with pytest.raises(AlreadyRunningError) as raised:
            EmbeddedMongo(server.data_dir).start()
        assert str(raised.value) == (
            f"The embedded MongoDB server of {server.data_dir} is already running in another "
            "process; stop that one first."
        )
        with MongoClient(server.uri) as client:
            assert client.admin.command("ping")["ok"] == 1

    def test_running_server_uses_the_one_that_runs(self, server: EmbeddedMongo) -> None:
        with running_server(server.data_dir) as uri:
            assert uri == server.uri
        assert server.poll() is None


class TestLife:
    def test_data_survive_stop_move_and_restart(self, tmp_path: Path) -> None:
        with EmbeddedMongo(tmp_path / "here") as server, MongoClient(server.uri) as client:
            client.test.things.insert_one({"_id": 1})
            pid = server.pid
        assert command_line_of(pid) == ""
        (tmp_path / "here").rename(tmp_path / "there")
        with running_server(tmp_path / "there") as uri, MongoClient(uri) as client:
            client.test.things.insert_one({"_id": 2})
            assert client.test.things.count_documents({}) == 2

    def test_restart_after_the_server_was_killed(self, tmp_path: Path) -> None:
        with EmbeddedMongo(tmp_path) as server:
            with MongoClient(server.uri) as client:
                client.test.things.insert_one({"_id": 1})
            os.kill(server.pid, signal.SIGKILL)
            while server.poll() is None:
                time.sleep(0.01)
            server.restart()
            with MongoClient(server.uri) as client:
                assert client.test.things.count_documents({}) == 1

    def test_dies_with_a_killed_parent(self, tmp_path: Path) -> None:
        program = f"""
            import time
            from pathlib import Path
            from mammotrack.embedded import EmbeddedMongo
            with EmbeddedMongo(Path({str(tmp_path)!r})) as server:
                print(server.pid, flush=True)
                time.sleep(60)
        """
        parent = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        with parent:
            pid = int(parent.stdout.readline())
            assert "mongod" in command_line_of(pid)
            parent.kill()
        wait_until_gone(pid, seconds=30)

    def test_path_too_long_for_a_socket(self, tmp_path: Path) -> None:
        folder = tmp_path / ("long-" * 20)
        with running_server(folder) as uri:
            assert uri == uri_for(folder)
            assert "long-" not in uri
            with MongoClient(uri) as client:
                assert client.admin.command("ping")["ok"] == 1


class TestRefusals:
    def test_program_that_ends_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "mongod"
        program.write_text("#!/bin/sh\necho libcrypto.so.1.1 is missing\nexit 127\n")
        program.chmod(0o700)
        monkeypatch.setenv("MONGOD_BIN", str(program))
        server = EmbeddedMongo(tmp_path / "data")
        with pytest.raises(EmbeddedMongoError) as raised:
            server.start()
        assert str(raised.value) == (
            "The embedded MongoDB server ended with status 127 while it was starting; "
            f"see {tmp_path}/data/mongod.log."
        )
        assert server.log.read_text() == "libcrypto.so.1.1 is missing\n"
        assert server.pid is None

    def test_mongod_bin_that_is_no_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MONGOD_BIN", "/nowhere/mongod")
        with pytest.raises(EmbeddedMongoError, match=r"^MONGOD_BIN is /nowhere/mongod, which is"):
            embedded.find_mongod()

    def test_no_server_program_anywhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MONGOD_BIN", raising=False)
        monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _name: None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(EmbeddedMongoError, match=r"^No MongoDB server program was found: "):
            embedded.find_mongod()

    def test_folder_of_somebody_else(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "run").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(EmbeddedMongoError, match="/run is not a folder of the user who"):
            EmbeddedMongo(tmp_path / "data").start()


class TestCommand:
    """``python -m mammotrack.embedded COMMAND...``"""

    PROGRAM = """
        import os, pymongo
        client = pymongo.MongoClient(os.environ["MONGODB_URI"])
        print(client.admin.command("hello")["setName"])
        client.close()
        raise SystemExit(7)
    """

    def run(self, var_dir: Path, *command: str, **variables: str):
        return subprocess.run(
            [sys.executable, "-m", "mammotrack.embedded", *command],
            cwd=REPOSITORY,
            env={**os.environ, "MAMMOTRACK_VAR_DIR": str(var_dir), "MONGODB_URI": "", **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_starts_and_stops_the_server(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, sys.executable, "-c", textwrap.dedent(self.PROGRAM))
        assert (done.returncode, done.stdout) == (7, "mammotrack\n"), done.stderr
        assert not (tmp_path / "mongo" / "run" / "mongodb-27017.sock").exists()

    def test_uses_the_server_that_runs(self, tmp_path: Path) -> None:
        with EmbeddedMongo(tmp_path / "mongo") as server:
            done = self.run(tmp_path, sys.executable, "-c", textwrap.dedent(self.PROGRAM))
            assert (done.returncode, done.stdout) == (7, "mammotrack\n"), done.stderr
            assert server.poll() is None

    def test_starts_none_beside_a_server_of_the_clinic(self, tmp_path: Path) -> None:
        show = "import os; print(os.environ['MONGODB_URI'])"
        done = self.run(tmp_path, sys.executable, "-c", show, MONGODB_URI="mongodb://clinic/")
        assert (done.returncode, done.stdout) == (0, "mongodb://clinic/\n"), done.stderr
        assert not (tmp_path / "mongo").exists()

    def test_without_command(self, tmp_path: Path) -> None:
        done = self.run(tmp_path)
        assert (done.returncode, done.stderr) == (
            2,
            "usage: python -m mammotrack.embedded COMMAND...\n",
        )

    def test_says_in_one_line_what_is_wrong(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "true", MONGOD_BIN="/nowhere")
        assert (done.returncode, done.stderr) == (
            1,
            "MONGOD_BIN is /nowhere, which is not a program.\n",
        )
