"""``python -m scans.decoder_server``: load the picture libraries once, fork a decoder a file.

Loading them takes half a second of a core, more than reading most files. This process opens no
file: for each job it forks a decoder (``scans.decoder``), which reads that one file and ends.

Standard input is a socket of packets. A packet is a job: the decoder's arguments as a JSON array,
a descriptor of the file for what it prints, and one of a socket, which is told its exit status
(negative if a signal ended it). Whoever shuts that socket has the decoder killed; at the end of
standard input all are, and this process ends.
"""

import gc
import json
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, DefaultSelector
from typing import NoReturn

from scans import decoder

_JOB_BYTES = 16 * 1024


class Server:
    """Decoders that are at work, and what is done when one of the sockets is heard."""

    def __init__(self, jobs: socket.socket) -> None:
        self._jobs = jobs
        self._heard = DefaultSelector()
        self._heard.register(jobs, EVENT_READ, self._take_job)
        self._at_work: set[int] = set()
        self._wanted = True

    def serve(self) -> None:
        """Take jobs until nobody is left to send any."""
        while self._wanted:
            (key, _), *_ = self._heard.select()  # one at a time: it may do away with another
            handle: Callable[[], None] = key.data
            handle()
        for pid in self._at_work:
            os.kill(pid, signal.SIGKILL)

    def _take_job(self) -> None:
        job, descriptors, *_ = socket.recv_fds(self._jobs, _JOB_BYTES, 2)
        if not job:
            self._wanted = False
            return
        output, asker = descriptors[0], socket.socket(fileno=descriptors[1])
        pid = os.fork()
        if not pid:
            _decode(json.loads(job), output)
        os.close(output)
        end = os.pidfd_open(pid)
        self._at_work.add(pid)
        self._heard.register(asker, EVENT_READ, partial(self._kill, pid, asker))
        self._heard.register(end, EVENT_READ, partial(self._report, pid, end, asker))

    def _kill(self, pid: int, asker: socket.socket) -> None:
        """End a decoder that nobody waits for any longer."""
        self._heard.unregister(asker)
        os.kill(pid, signal.SIGKILL)

    def _report(self, pid: int, end: int, asker: socket.socket) -> None:
        _, status = os.waitpid(pid, 0)
        self._at_work.remove(pid)
        self._heard.unregister(end)
        os.close(end)
        if asker in self._heard.get_map():
            self._heard.unregister(asker)
        with asker, suppress(BrokenPipeError):
            asker.send(b"%d" % os.waitstatus_to_exitcode(status))


def _decode(arguments: list[str], output: int) -> NoReturn:
    """In the child: keep nothing open but the output, and never come back."""
    status = 1
    try:
        decoder.limit_processor_time()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        status = decoder.main(*arguments)
    finally:
        os._exit(status)


def main() -> None:
    decoder.limit_memory_and_files()
    import scans.dicom  # noqa: PLC0415 -- after the limits
    import scans.raster  # noqa: F401, PLC0415

    gc.freeze()  # else the first collection in every child copies what it shares with this process
    Server(socket.socket(fileno=0)).serve()


if __name__ == "__main__":
    main()
