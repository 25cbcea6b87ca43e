"""Each benchmark can be begun as a person begins it: without settings named beforehand."""

import os
import subprocess
import sys

from django.conf import settings

# Each in a process of its own, so that none finds what another has made ready.
IMPORT_EACH = """
import os, pkgutil, benchmarks
import cv2, numpy, scipy.ndimage  # once for all
for found in pkgutil.iter_modules(benchmarks.__path__):
    if os.fork() == 0:
        __import__(f"benchmarks.{found.name}")
        print(found.name, flush=True)
        os._exit(0)
    if os.wait()[1]:
        raise SystemExit(f"{found.name} does not start")
"""


def test_every_benchmark_starts() -> None:
    environment = {name: os.environ[name] for name in os.environ if "SETTINGS" not in name}

    imported = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert imported.returncode == 0, imported.stderr
    assert {"pair_timing", "api_load", "comparison"} <= set(imported.stdout.split())
