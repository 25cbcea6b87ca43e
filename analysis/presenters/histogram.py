"""Counts of grey values as bars."""

from collections.abc import Sequence
from dataclasses import dataclass

HISTOGRAM_BARS = 64
HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT = 256, 160


@dataclass(frozen=True)
class HistogramBar:
    x: float
    y: float
    width: float
    height: float


def histogram_bars(counts: Sequence[int]) -> list[HistogramBar]:
    """256 counts as 64 bars; black, mostly air around the breast, is cut to the others' height."""
    if not counts:
        return []
    step = len(counts) // HISTOGRAM_BARS
    sums = [sum(counts[start : start + step]) for start in range(0, step * HISTOGRAM_BARS, step)]
    tallest = max(sums[1:]) or 1
    width = HISTOGRAM_WIDTH / HISTOGRAM_BARS
    heights = [round(HISTOGRAM_HEIGHT * min(total / tallest, 1), 1) for total in sums]
    return [
        HistogramBar(round(i * width, 2), HISTOGRAM_HEIGHT - height, width - 1, height)
        for i, height in enumerate(heights)
    ]
