"""The simulated follow-ups that are fitted and measured on, split by patient."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from benchmarks.research_films import films_without_a_mass
from benchmarks.simulator import (
    SCENARIOS,
    SEVERITIES,
    BaselineFilm,
    SimulatedPair,
    baseline_film,
    simulate_pair,
)

FILMS_A_PATIENT = 2

Half = Literal["calibration", "test"]


@dataclass(frozen=True)
class Recipe:
    """What one simulated pair is made from; small, so that workers can share the list."""

    half: Half
    film: int
    other: int
    scenario: str
    severity: str
    seed: int


def half_of(patient: str) -> Half:
    """Every film of a woman is in the same half, whatever other films there are."""
    return "test" if hashlib.sha256(patient.encode()).digest()[0] % 2 else "calibration"


@cache
def baseline_films(half: Half) -> tuple[BaselineFilm, ...]:
    """Read up to two films of every woman of a half."""
    taken: dict[str, int] = {}
    chosen = []
    for patient, breast in films_without_a_mass():
        if (
            half_of(patient) == half
            and breast.assessable
            and taken.get(patient, 0) < FILMS_A_PATIENT
        ):
            taken[patient] = taken.get(patient, 0) + 1
            chosen.append(baseline_film(breast, patient=patient))
    return tuple(chosen)


def recipes(half: Half, *, rounds: int = 1) -> Iterator[Recipe]:
    """List every film in every scenario; severities take turns.

    The texture comes from another woman of the same half. More ``rounds`` make more pairs of the
    same films.
    """
    films = baseline_films(half)
    severities = list(SEVERITIES)
    for turn in range(rounds):
        for index, film in enumerate(films):
            others = [at for at, other in enumerate(films) if other.patient != film.patient]
            for number, scenario in enumerate(SCENARIOS):
                seed = (turn * len(films) + index) * len(SCENARIOS) + number
                yield Recipe(
                    half=half,
                    film=index,
                    other=others[(seed * 7919) % len(others)],
                    scenario=scenario,
                    severity=severities[(turn + index + number) % len(severities)],
                    seed=seed + (1_000_000 if half == "test" else 0),
                )


def make(recipe: Recipe) -> SimulatedPair:
    films = baseline_films(recipe.half)
    return simulate_pair(
        films[recipe.film],
        other=films[recipe.other],
        scenario=recipe.scenario,
        severity=recipe.severity,
        seed=recipe.seed,
    )
