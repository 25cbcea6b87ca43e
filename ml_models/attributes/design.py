"""From descriptors to the numbers a linear model sees, with what was learnt for the gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_models.attributes.descriptors import (
    OLDEST,
    YOUNGEST,
    Density,
    Descriptors,
    Margin,
    Shape,
)

Floats = NDArray[np.float64]

ORDERED = {"shape": len(Shape), "margin": len(Margin), "density": len(Density)}
AGE_UNIT = 10.0  # years
AGE_CENTRE = 55.0
ASSESSMENT_CENTRE = 4.0


def raw_values(masses: Sequence[Descriptors]) -> Floats:
    """(n, 5) age, shape, margin, density, assessment; NaN where nobody said."""
    return np.array(
        [
            [
                np.nan if value is None else float(value)
                for value in (_known_age(m.age), m.shape, m.margin, m.density, m.assessment)
            ]
            for m in masses
        ]
    ).reshape(len(masses), 5)


def _known_age(age: int | None) -> int | None:
    return None if age is None else min(max(age, YOUNGEST), OLDEST)


@dataclass(frozen=True)
class Design:
    """How descriptors become columns; everything in it is learnt on training rows alone.

    A gap is filled with the median of the training rows, and a column of its own says that there
    was a gap. An ordered attribute is a column for each step up its scale, so that neighbours share
    what they have in common and a rare step moves little.

    Attributes
    ----------
    fill : (4,) float64 ndarray
        Median age, shape, margin and density.
    knots : (k,) float64 ndarray
        Of a natural cubic spline of age; empty for a straight line.
    with_assessment : bool
        Whether the doctor's BI-RADS category is among the columns.
    """

    fill: Floats
    knots: Floats
    with_assessment: bool

    @classmethod
    def learn(cls, values: Floats, *, age_knots: int, with_assessment: bool) -> "Design":
        """From (n, 5) `raw_values`; `age_knots` 0 for a straight line, else 3 or more."""
        ages = values[~np.isnan(values[:, 0]), 0]
        return cls(
            fill=np.nanmedian(values[:, :4], axis=0),
            knots=np.quantile(ages, np.linspace(0.05, 0.95, age_knots)),
            with_assessment=with_assessment,
        )

    def columns(self, values: Floats) -> Floats:
        """(n, 5) raw values to (n, columns), the first all ones.

        Rows without an assessment have no place in a design that needs one: NaN.
        """
        gaps = np.isnan(values[:, :4])
        filled = np.where(gaps, self.fill, values[:, :4])
        parts = [np.ones(len(values)), (filled[:, 0] - AGE_CENTRE) / AGE_UNIT]
        parts += _natural_spline(filled[:, 0], self.knots)
        for index, steps in enumerate(ORDERED.values(), start=1):
            parts += [(filled[:, index] >= step).astype(float) for step in range(2, steps + 1)]
        parts += list(gaps.T.astype(float))
        if self.with_assessment:
            parts.append(values[:, 4] - ASSESSMENT_CENTRE)
        return np.stack(parts, axis=1)


def _natural_spline(ages: Floats, knots: Floats) -> list[Floats]:
    """Columns beyond the straight line; linear outside the outer knots.

    Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, 5.2.1.
    """
    if len(knots) == 0:
        return []
    span = knots[-1] - knots[0]

    def bend(at: int) -> Floats:
        rise = np.maximum(ages - knots[at], 0) ** 3 - np.maximum(ages - knots[-1], 0) ** 3
        return np.asarray(rise / (knots[-1] - knots[at]))

    last = bend(len(knots) - 2)
    return [(bend(at) - last) / span**2 for at in range(len(knots) - 2)]
