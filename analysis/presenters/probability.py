"""A probability of change as a bar with its interval."""

from dataclasses import dataclass

from analysis.models import Comparison


@dataclass(frozen=True)
class ProbabilityBar:
    """The probability with its interval, in percent of the bar; below ``threshold`` no report."""

    value: float
    low: float
    width: float
    threshold: float


def probability_bar(comparison: Comparison) -> ProbabilityBar | None:
    value, threshold = comparison.change_probability, comparison.change_threshold
    if value is None or threshold is None:
        return None
    low, high = comparison.change_probability_low, comparison.change_probability_high
    low, high = (value if low is None else low), (value if high is None else high)
    return ProbabilityBar(*(round(100 * each, 1) for each in (value, low, high - low, threshold)))
