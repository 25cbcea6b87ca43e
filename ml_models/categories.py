"""BI-RADS categories and the classes a network can tell apart by appearance.

Category 6 is biopsy-proven cancer: a fact of the record, not of the pixels. A network sees 6 as 5,
and 1 (negative) as 2 (benign), and never answers either of them from a picture.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

CATEGORIES: tuple[str, ...] = ("2", "3", "4", "5", "6")
APPEARANCE_CLASSES: tuple[str, ...] = ("2", "3", "4", "5")
SUSPICIOUS_FROM = "4"
MERGED = {"1": "2", "6": "5"}
"""Category of the record to the class it looks like."""


def class_index(category: str, classes: Sequence[str]) -> int:
    """Index of the class a category counts as: its own, else the one it looks like, else -1."""
    name = category if category in classes else MERGED.get(category, category)
    return classes.index(name) if name in classes else -1


def is_suspicious(classes: Sequence[str]) -> NDArray[np.bool_]:
    """Which classes are category 4 or higher: a biopsy is due."""
    return np.array([name >= SUSPICIOUS_FROM for name in classes])


def spread_over_categories(
    probabilities: NDArray[np.float64], classes: Sequence[str]
) -> NDArray[np.float64]:
    """(n, classes) to (n, 5) over '2' ... '6'; a category that is no class gets 0."""
    spread = np.zeros((len(probabilities), len(CATEGORIES)))
    for column, name in enumerate(classes):
        spread[:, CATEGORIES.index(name)] = probabilities[:, column]
    return spread


def combine_with_pathology(
    probabilities: Mapping[str, float], *, malignant_pathology: bool
) -> dict[str, float]:
    """Let the record's pathology overrule what the picture looks like.

    Parameters
    ----------
    probabilities : mapping of category to probability
        '2' to '6', from the picture alone.
    malignant_pathology : bool
        Whether pathology has proven cancer in this breast. It makes the category 6, whatever
        the picture shows: after chemotherapy nothing may be left to see.

    Returns
    -------
    dict
        Unchanged without such pathology; with it, all mass on '6'. The latter is a statement of
        the record, to be shown as such.
    """
    if not malignant_pathology:
        return dict(probabilities)
    return {category: float(category == "6") for category in probabilities}
