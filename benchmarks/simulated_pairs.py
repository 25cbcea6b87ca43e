"""The simulated follow-ups that are fitted and measured on, split by patient.

Women come in groups. INbreast's are split in two halves: one for every coefficient and threshold,
one for tests. The women of mini-MIAS and CDD-CESM, other scanners in other countries, are in
neither: no choice of an algorithm rests on them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from analysis.imaging.breast import PreparedBreast
from benchmarks.research_films import films_without_a_mass, films_without_finding
from benchmarks.simulator import (
    SCENARIOS,
    SEVERITIES,
    BaselineFilm,
    SimulatedPair,
    baseline_film,
    simulate_pair,
)

Group = Literal["calibration", "test", "mini_mias", "cdd_cesm"]

FILMS_A_WOMAN: dict[Group, int] = {"calibration": 2, "test": 2, "mini_mias": 1, "cdd_cesm": 1}
UNSEEN: tuple[Group, ...] = ("mini_mias", "cdd_cesm")
EVERY_NTH_SCENARIO: dict[Group, int] = {
    "calibration": 1,
    "test": 1,
    "mini_mias": 2,
    "cdd_cesm": 2,
}
SEEDS_A_GROUP = 1_000_000


@dataclass(frozen=True)
class Recipe:
    """What one simulated pair is made from; small, so that workers can share the list."""

    group: Group
    film: int
    other: int
    scenario: str
    severity: str
    seed: int


def half_of(patient: str) -> Group:
    """Every film of a woman is in the same half, whatever other films there are."""
    return "test" if hashlib.sha256(patient.encode()).digest()[0] % 2 else "calibration"


@cache
def baseline_films(group: Group) -> tuple[BaselineFilm, ...]:
    """Read one or two films of every woman of a group."""
    taken: dict[str, int] = {}
    chosen = []
    for patient, breast in _films(group):
        if breast.assessable and taken.get(patient, 0) < FILMS_A_WOMAN[group]:
            taken[patient] = taken.get(patient, 0) + 1
            chosen.append(baseline_film(breast, patient=patient))
    return tuple(chosen)


def _films(group: Group) -> Iterator[tuple[str, PreparedBreast]]:
    if group in UNSEEN:
        return films_without_finding(group)
    return (film for film in films_without_a_mass() if half_of(film[0]) == group)


def recipes(group: Group, *, rounds: int = 1) -> Iterator[Recipe]:
    """List every film in every scenario, or in turn in every second; severities take turns.

    The texture comes from another woman of the same group. More ``rounds`` make more pairs of the
    same films.
    """
    films = baseline_films(group)
    severities = list(SEVERITIES)
    first_seed = list(FILMS_A_WOMAN).index(group) * SEEDS_A_GROUP
    for turn in range(rounds):
        for index, film in enumerate(films):
            others = [at for at, other in enumerate(films) if other.patient != film.patient]
            for number, scenario in enumerate(SCENARIOS):
                if (index + number) % EVERY_NTH_SCENARIO[group]:
                    continue
                seed = (turn * len(films) + index) * len(SCENARIOS) + number
                yield Recipe(
                    group=group,
                    film=index,
                    other=others[(seed * 7919) % len(others)],
                    scenario=scenario,
                    severity=severities[(turn + index + number) % len(severities)],
                    seed=first_seed + seed,
                )


def make(recipe: Recipe) -> SimulatedPair:
    films = baseline_films(recipe.group)
    return simulate_pair(
        films[recipe.film],
        other=films[recipe.other],
        scenario=recipe.scenario,
        severity=recipe.severity,
        seed=recipe.seed,
    )
