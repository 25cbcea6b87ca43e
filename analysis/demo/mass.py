"""The mass a simulated follow-up may add."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NewMass:
    """A soft round density, placed and sized in shares of the picture's height and width."""

    row: float
    column: float
    radius: float
    brightness: float
