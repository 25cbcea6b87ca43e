"""The published comparison and ours, side by side, on simulated and on real follow-ups.

    python -m benchmarks.comparison

Prints every table and writes it into docs/comparison.md. Progress goes to stderr.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from benchmarks.document import write_section
from benchmarks.measured_pairs import measure_all
from benchmarks.real_report import assessable_report, follow_up_report, robustness_report
from benchmarks.research_films import follow_up_pairs
from benchmarks.simulated_pairs import recipes
from benchmarks.simulation_report import simulation_report

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "comparison.md"

SECTIONS: dict[str, Callable[[], str]] = {
    "simulated follow-ups": lambda: simulation_report(measure_all(recipes("test"))),
    "real follow-ups": lambda: follow_up_report(list(follow_up_pairs())),
    "re-positioned films": robustness_report,
    "assessable films": assessable_report,
}


def main() -> None:
    cv2.setNumThreads(1)
    started = time.perf_counter()
    for name, report in SECTIONS.items():
        print(f"{name} ...", file=sys.stderr)
        text = report()
        print(f"{text}\n", flush=True)
        write_section(DOCUMENT, name, text)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
