"""From which probability on a change is reported: below it lies what re-positioning alone does."""

from analysis.imaging.calibration import load_calibration
from analysis.imaging.change_rules import load_change_rules
from analysis.imaging.comparison import ChangeMeasurement
from analysis.imaging.versions import CHANGE_ALGORITHM


def reporting_threshold(change: ChangeMeasurement) -> float | None:
    """Return the threshold that the verdict of a measurement was held against; None without one."""
    if change.change_probability is None:
        return None
    if change.algorithm_version != CHANGE_ALGORITHM:
        return load_calibration(change.algorithm_version).threshold
    rules = load_change_rules()
    return rules.unmarked_threshold if change.lesion is None else rules.marked_threshold
