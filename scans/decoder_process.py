"""Decoder processes: each reads one file and ends; spare ones are started ahead of need.

Loading the picture libraries takes half a second of a core, more than reading most files. A spare
process has loaded them, under the same limits, and waits for its file on standard input. If this
process is killed, it reads the end of its input and ends.
"""

import atexit
import json
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock, Timer

from scans import limits

_PACKAGE_ROOT = Path(__file__).resolve().parents[1]

# Nothing of ours reaches the child: no secrets, no settings. One thread an arena, one a kernel,
# because each thread's stack and heap counts against the address space.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class DecoderProcess:
    """A process that has not read any file yet."""

    def __init__(self) -> None:
        # A file, not a pipe: the child's own limit on file size bounds it, and nothing blocks.
        self._output = TemporaryFile()  # noqa: SIM115 -- closed where the process is used or ended
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-m", "scans.decoder"],
            cwd=_PACKAGE_ROOT,
            env=_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid

    def waits(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def decode(self, source: Path, out_dir: Path, *wanted: str) -> tuple[int, bytes]:
        """Give it its one file; return its exit status and what it printed, cut off if too long.

        It is killed at the wall limit, by a timer: waiting with a timeout would look for its end
        only every 50 ms.
        """
        job = json.dumps([str(source), str(out_dir), *wanted]).encode()
        with self._process as process, self._output as output:
            wall_limit = Timer(limits.DECODER_WALL_S, process.kill)
            wall_limit.start()
            try:
                process.communicate(job)
            finally:
                wall_limit.cancel()
                process.kill()
            output.seek(0)
            return process.returncode, output.read(limits.DECODER_REPORT_BYTES + 1)

    def end(self) -> None:
        """End it without a file."""
        with self._process, self._output:
            self._process.kill()


class Spares:
    """Processes that wait for a file. Replaced when uploads rest: loading takes a core."""

    def __init__(self) -> None:
        self._waiting: deque[DecoderProcess] = deque()
        self._lock = Lock()
        self._timer: Timer | None = None

    @property
    def pids(self) -> list[int]:
        """The processes that wait."""
        return [each.pid for each in self._waiting]

    def take(self) -> DecoderProcess:
        """Return one that waits, or a new one, and see to others."""
        with self._lock:
            self._refill_later()
            while self._waiting:
                process = self._waiting.popleft()
                if process.waits():
                    return process
                process.end()
        return DecoderProcess()

    def refill(self) -> None:
        """Start as many as are to wait."""
        with self._lock, suppress(OSError):  # no room for more: the next file starts its own
            while len(self._waiting) < limits.SPARE_DECODERS:
                self._waiting.append(DecoderProcess())

    def end(self) -> None:
        """End those that wait, and start none until the next file."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            while self._waiting:
                self._waiting.pop().end()

    def _refill_later(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = Timer(limits.SPARE_DECODERS_AFTER_S, self.refill)
        self._timer.daemon = True
        self._timer.start()


spares = Spares()
atexit.register(spares.end)
