import dataclasses

import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from benchmarks.simulator import SCENARIOS, SEVERITIES, baseline_film, simulate_pair
from benchmarks.simulator.grid import warp
from benchmarks.simulator.lesion import Mass, longest_diameter_mm
from tests.phantoms import SPACING_MM, phantom


def film(seed, laterality="L"):
    drawn = phantom(seed, laterality)
    breast = prepare_breast(
        drawn.pixels, spacing_mm=SPACING_MM, laterality=laterality, view=drawn.view
    )
    return baseline_film(breast, patient=str(seed))


@pytest.fixture(scope="module")
def women():
    return film(1), film(2)


def simulated(women, scenario, severity="mild", seed=3):
    return simulate_pair(women[0], other=women[1], scenario=scenario, severity=severity, seed=seed)


def test_the_same_seed_makes_the_same_pair(women):
    first, again, other = (simulated(women, "shrunk", seed=seed) for seed in (3, 3, 4))

    for name in ("prior", "current", "displacement"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.current, other.current)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_truth_is_what_the_scenario_says(women, scenario):
    pair = simulated(women, scenario)

    sizes = {
        "none": pair.prior_mm == pair.current_mm == 0,
        "stable": pair.prior_mm > 10 and abs(pair.current_mm / pair.prior_mm - 1) < 0.3,
        "shrunk": 0 < pair.current_mm < 0.85 * pair.prior_mm,
        "removed": pair.prior_mm > 10 and pair.current_mm == 0,
        "grown": pair.current_mm > 1.1 * pair.prior_mm > 0,
        "new": pair.prior_mm == 0 and pair.current_mm > 7,
    }
    assert sizes[scenario]
    assert pair.direction == SCENARIOS[scenario].direction


def test_the_displacement_lays_the_prior_on_the_current_film(women):
    pair = simulated(women, "stable")
    laid = warp(pair.prior, pair.displacement)

    def agreement(prior):
        return np.corrcoef(prior[pair.breast], pair.current[pair.breast])[0, 1]

    unmoved = pair.prior[:, : pair.current.shape[1]]
    assert agreement(laid) > 0.85
    assert agreement(laid) > agreement(unmoved) + 0.1


def test_harder_re_imaging_moves_the_breast_farther(women):
    moved = [
        np.median(
            [
                np.linalg.norm(
                    simulated(women, "none", severity, seed).displacement, axis=-1
                ).mean()
                for seed in range(6)
            ]
        )
        for severity in SEVERITIES
    ]

    assert list(SEVERITIES) == ["mild", "moderate", "severe"]
    assert moved[0] < moved[1] < moved[2]


def test_a_right_breast_is_simulated_with_its_chest_wall_at_the_left():
    left, right = film(1, "L"), film(1, "R")

    np.testing.assert_array_equal(left.mask, right.mask)
    assert left.mask[:, 0].any()


MASS = Mass(x=150, y=150, shape_seed=8, diameter_mm=20, contrast=0.1)


def test_a_mass_keeps_its_shape_when_it_grows():
    small, large = (
        dataclasses.replace(MASS, diameter_mm=size).profile((300, 300)) > 0.5 for size in (15, 30)
    )

    assert longest_diameter_mm(large) == pytest.approx(2 * longest_diameter_mm(small), rel=0.05)
    assert large[small].all()


def test_no_mass_has_no_profile():
    profile = dataclasses.replace(MASS, diameter_mm=0).profile((300, 300))

    assert not profile.any()
    assert longest_diameter_mm(profile > 0.5) == 0
