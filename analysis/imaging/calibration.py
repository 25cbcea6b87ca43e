"""From a similarity score to a probability of change, fitted on real follow-up pairs.

The figures lie beside this module, one JSON file an algorithm version, written by
``python -m benchmarks.calibrate_comparison``.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "calibration"


@dataclass(frozen=True)
class Calibration:
    """A logistic curve of the score and the probability from which change is reported.

    Attributes
    ----------
    intercept, slope : float
        Of the log odds of change in the score; the slope is never positive.
    threshold : float
        Probability at and above which a change is reported, in (0, 1).
    """

    intercept: float
    slope: float
    threshold: float

    def change_probability(self, ssim: float) -> float:
        """Return the probability, in (0, 1), that the pair's BI-RADS category changed."""
        return 1 / (1 + math.exp(-(self.intercept + self.slope * ssim)))


@cache
def load_calibration(algorithm: str) -> Calibration:
    """Read the calibration of an algorithm version."""
    stored = json.loads((FOLDER / f"{algorithm}.json").read_text(encoding="utf-8"))
    return Calibration(
        intercept=stored["intercept"], slope=stored["slope"], threshold=stored["threshold"]
    )
