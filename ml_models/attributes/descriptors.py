"""The vocabulary of the model: what a mass can be called, in the order of rising suspicion.

The codes are those of the table it was trained on; the words are the BI-RADS lexicon's of its time.
"""

from dataclasses import dataclass
from enum import IntEnum


class Shape(IntEnum):
    ROUND = 1
    OVAL = 2
    LOBULAR = 3
    IRREGULAR = 4


class Margin(IntEnum):
    CIRCUMSCRIBED = 1
    MICROLOBULATED = 2
    OBSCURED = 3
    ILL_DEFINED = 4
    SPICULATED = 5


class Density(IntEnum):
    """Of the mass, not of the breast."""

    HIGH = 1
    ISO = 2
    LOW = 3
    FAT_CONTAINING = 4


YOUNGEST, OLDEST = 18, 96  # years, in the table: what lies beyond is taken as the nearest
ASSESSMENTS = (2, 3, 4, 5)  # the table has none of category 1


@dataclass(frozen=True)
class Descriptors:
    """One mass as described; None is what nobody said.

    Attributes
    ----------
    age : int or None
        Completed years at the exam.
    shape : Shape or None
    margin : Margin or None
    density : Density or None
    assessment : int or None
        BI-RADS category 2 to 5. 0 is no assessment yet, and 6 is the answer, not evidence.
    """

    age: int | None
    shape: Shape | None
    margin: Margin | None
    density: Density | None
    assessment: int | None
