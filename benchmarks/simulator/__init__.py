"""A follow-up mammogram made from one real film, with known displacement and lesions.

    pair = simulate_pair(film, other=another_womans_film, scenario="shrunk",
                         severity="moderate", seed=7)

The breast is re-positioned (rotation, scale, stretch, smooth elastic field), its superposed layers
slide, its texture is partly exchanged with another woman's, density, exposure, gamma, blur and
noise change, and the film gets a new frame and label. 'moderate' is set so that a pair without a
change looks, after registration, like real follow-up pairs with an unchanged category.

All lengths are millimetres; all arrays lie on a 0.4 mm grid with the chest wall at column 0.
"""

from benchmarks.simulator.baseline import BaselineFilm, baseline_film
from benchmarks.simulator.pairs import SCENARIOS, Scenario, SimulatedPair, simulate_pair
from benchmarks.simulator.severity import SEVERITIES

__all__ = [
    "SCENARIOS",
    "SEVERITIES",
    "BaselineFilm",
    "Scenario",
    "SimulatedPair",
    "baseline_film",
    "simulate_pair",
]
