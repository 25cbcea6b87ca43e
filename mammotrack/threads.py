"""How many threads the numerical libraries may start: decided here, for every process.

A worker runs one job at a time and is meant to fill two cores. More workers on one machine need as
many cores more, or a smaller figure in the environment.
"""

import os

THREADS = {
    "OPENCV_FOR_THREADS_NUM": "2",
    # Small matrices: a second thread gains nothing, and it waits by spinning, which starves others.
    "OPENBLAS_NUM_THREADS": "1",
}


def limit_threads() -> None:
    """Set what the environment leaves open; the libraries read it when they are loaded."""
    for name, count in THREADS.items():
        os.environ.setdefault(name, count)
