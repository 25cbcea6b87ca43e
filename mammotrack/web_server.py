"""How gunicorn serves the application: ``gunicorn --config python:mammotrack.web_server``.

The application is loaded once and the processes are forked from it, so that they share its memory.
What must not be shared is made after the fork: the first query connects to the database.
"""

import gc
from collections.abc import Iterable
from typing import Any

from django.dispatch import Signal
from django.urls import URLPattern, URLResolver, get_resolver

starting = Signal()
"""Before the first process is forked: for what all of them share."""

wsgi_app = "mammotrack.wsgi"
preload_app = True
worker_class = "gthread"
# A process a core of the smallest machine: with one alone uploads are quicker, but pages and reads
# miss their aims (docs/performance.md). An upload held open costs a thread.
workers, threads = 2, 8
timeout = 60
graceful_timeout = 3
control_socket_disable = True
loglevel = "warning"
# Path without its query: search words are names of patients.
access_log_format = '%(t)s "%(m)s %(U)s" %(s)s %(b)s %(L)ss'


def when_ready(_server: Any) -> None:
    """Load what the first request would, and keep its memory shared."""
    _load(get_resolver().url_patterns)
    starting.send(None)
    gc.collect()
    gc.freeze()  # else the first collection in every process copies what it shares


def _load(patterns: Iterable[URLPattern | URLResolver]) -> None:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            _load(pattern.url_patterns)
