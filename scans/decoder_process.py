"""Ask for a decoder: a process of its own for one file, forked by ``scans.decoder_server``."""

import atexit
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

from scans import limits

_PACKAGE_ROOT = Path(__file__).resolve().parents[1]
_STATUS_BYTES = 16

# Nothing of ours reaches the decoders: no secrets, no settings. One thread an arena, one a kernel,
# because each thread's stack and heap counts against the address space.
_ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class DecoderServer:
    """The process that forks decoders. If this one is killed, it reads the end of its input."""

    def __init__(self) -> None:
        self._jobs, theirs = _socket_pair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-m", "scans.decoder_server"],
                cwd=_PACKAGE_ROOT,
                env=_ENVIRONMENT,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.pid = self._process.pid

    def takes(self, job: bytes, *descriptors: int) -> bool:
        """Hand it a job; False if it has ended."""
        try:
            socket.send_fds(self._jobs, [job], descriptors)
        except ConnectionError:
            return False
        return True

    def end(self) -> None:
        """End it and the decoders at work."""
        self._jobs.close()
        self._process.wait()


class Decoders:
    """Decoders, one a file, and the server they come from. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._server: DecoderServer | None = None

    @property
    def server_pid(self) -> int | None:
        """The server, None before the first file."""
        return self._server.pid if self._server else None

    def start(self) -> None:
        """Have the server ready before the first file; processes forked from here share it."""
        with self._lock:
            if self._server is None:
                self._server = DecoderServer()

    def decode(self, source: Path, out_dir: Path, *wanted: str) -> tuple[int, bytes]:
        """Have a process of its own decode a file, killed at the wall limit.

        Returns
        -------
        int
            Its exit status, negative if a signal ended it.
        bytes
            What it printed, cut off one byte beyond what is allowed.
        """
        job = json.dumps([str(source), str(out_dir), *wanted]).encode()
        # A file, not a pipe: the decoder's own limit on file size bounds it, and nothing blocks.
        with TemporaryFile() as output, self._asked(job, output.fileno()) as decoder:
            decoder.settimeout(limits.DECODER_WALL_S)
            try:
                status = decoder.recv(_STATUS_BYTES)
            except TimeoutError:
                decoder.shutdown(socket.SHUT_WR)  # has it killed
                status = decoder.recv(_STATUS_BYTES)
            output.seek(0)
            return int(status or -signal.SIGKILL), output.read(limits.DECODER_REPORT_BYTES + 1)

    def end(self) -> None:
        """End the server; the next file starts another."""
        with self._lock:
            self._end()

    def _asked(self, job: bytes, output: int) -> socket.socket:
        """Start a decoder; return the socket that tells its status, and ends it when shut."""
        ours, theirs = _socket_pair()
        with theirs, self._lock:
            if self._server is None or not self._server.takes(job, output, theirs.fileno()):
                self._end()
                self._server = DecoderServer()
                self._server.takes(job, output, theirs.fileno())
        return ours

    def _end(self) -> None:
        if self._server:
            self._server.end()
        self._server = None


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """A pair that keeps packets apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


decoders = Decoders()
atexit.register(decoders.end)
