"""The published comparison and ours, side by side, on simulated and on real follow-ups.

    python -m benchmarks.comparison

Prints every table and writes it into docs/comparison.md, and the pictures beside it into
docs/comparison/. Progress goes to stderr.
"""

import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import cv2

from benchmarks.comparison_pictures import draw_pictures
from benchmarks.document import write_section
from benchmarks.measured_pairs import measure_all
from benchmarks.real_report import assessable_report, follow_up_report, robustness_report
from benchmarks.research_films import follow_up_pairs
from benchmarks.simulated_pairs import UNSEEN, recipes
from benchmarks.simulation_report import Women, simulation_report

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "comparison.md"
PICTURES = DOCUMENT.with_suffix("")


def sections() -> Iterator[tuple[str, str]]:
    """Yield the name and text of each table, and draw the pictures on the way."""
    _announce("test half of INbreast")
    test = Women("INbreast, test half", measure_all(recipes("test")))
    _announce("women never looked at")
    unseen = measure_all(chain.from_iterable(recipes(group) for group in UNSEEN))
    women = [test, Women("mini-MIAS, CDD-CESM", unseen)]
    yield "simulated follow-ups", simulation_report(women)
    _announce("pictures")
    write_section(DOCUMENT, "pictures", draw_pictures(PICTURES, women), fenced=False)
    _announce("real follow-ups")
    yield "real follow-ups", follow_up_report(list(follow_up_pairs()))
    _announce("re-positioned films")
    yield "re-positioned films", robustness_report()
    _announce("assessable films")
    yield "assessable films", assessable_report()


def main() -> None:
    cv2.setNumThreads(1)
    started = time.perf_counter()
    for name, text in sections():
        print(f"{text}\n", flush=True)
        write_section(DOCUMENT, name, text)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)


def _announce(step: str) -> None:
    print(f"{step} ...", file=sys.stderr)


if __name__ == "__main__":
    main()
