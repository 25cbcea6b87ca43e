"""Ways to judge a pair without a mark, each on the calibration patients that it was not fitted on.

The real pairs stand beside them: what is better in the simulator may be worse there.
"""

from collections.abc import Callable

import numpy as np

from analysis.imaging.change_rules import UNMARKED_FEATURES
from analysis.imaging.noise_floor import HEADLINE_MM
from benchmarks.fitting import Index, Matrix
from benchmarks.measured_pairs import MULTISCALE
from benchmarks.real_follow_ups import similarity_slope
from benchmarks.statistics import auc_by_patient
from benchmarks.unmarked_fit import Score, Seen, UnmarkedFit

FAINTEST = 1e-4
"""Odds of no candidate at all."""
POOLS: dict[str, Callable[[Matrix], float]] = {
    "the likeliest": lambda odds: float(odds.max()),
    "sum of odds": lambda odds: float(odds.sum()),
    "three likeliest": lambda odds: float(np.log(np.sort(odds)[-3:]).mean()),
}


def ideas_report(fit: UnmarkedFit) -> str:
    """Return a table of AUCs with intervals by patient."""
    lines = [
        f"Without a mark, AUC: {len(fit.pairs)} simulated pairs of {len(set(fit.patients))} "
        f"calibration patients, each left out; {len(fit.follow_ups)} real pairs",
        f"  {'':<48} {'simulated':<22} real",
    ]
    everyone = np.arange(len(fit.pairs))
    real_changed = [each.changed for each in fit.follow_ups]
    real_patients = [each.patient for each in fit.follow_ups]
    for name, way in _ways(fit).items():
        score = way(everyone)
        simulated = auc_by_patient(fit.left_out(way), fit.changed, fit.patients)
        real = auc_by_patient([score(each) for each in fit.follow_ups], real_changed, real_patients)
        lines.append(f"  {name:<48} {simulated!s:<22} {real}")
    return "\n".join(lines)


def _ways(fit: UnmarkedFit) -> dict[str, Callable[[Index], Score]]:
    """Name the ways; each is fitted on the pairs of an index."""
    return {
        "similarity at 0.4 mm": lambda _: lambda pair: -pair.similarity["0.4"],
        "similarity at 3.2 mm": lambda _: lambda pair: -pair.similarity["3.2"],
        "MS-SSIM": lambda _: lambda pair: -pair.similarity[MULTISCALE],
        "drop of similarity below its noise floor": lambda index: _drop(fit, index),
        "likeliest candidate, linear": _pooled(fit, "the likeliest", degree=1),
        "likeliest candidate, with squares": _pooled(fit, "the likeliest"),
        "  fitted on half of the pairs": _pooled(fit, "the likeliest", every=2),
        "  pooled by the sum of odds": _pooled(fit, "sum of odds"),
        "  pooled over the three likeliest": _pooled(fit, "three likeliest"),
        "likeliest candidate and similarity": lambda index: _without_drop(fit, index),
        "likeliest candidate and drop": lambda index: _without_slope(fit, index),
        "likeliest candidate, drop and similarity (used)": fit.probability,
    }


def _drop(fit: UnmarkedFit, index: Index) -> Score:
    floor = fit.floor(index)
    return lambda pair: floor.drop(pair.similarity)


def _pooled(
    fit: UnmarkedFit, pool: str, *, degree: int = 2, every: int = 1
) -> Callable[[Index], Score]:
    def fitted(index: Index) -> Score:
        model = fit.candidate_model(index[::every], degree=degree)

        def score(pair: Seen) -> float:
            if len(pair.candidates) == 0:
                return POOLS[pool](np.array([FAINTEST]))
            less, more = model.probabilities(pair.candidates)[0].T
            return POOLS[pool](more / less)

        return score

    return fitted


def _without_slope(fit: UnmarkedFit, index: Index) -> Score:
    features, model = fit.features(index), fit.simulated(index)
    return lambda pair: float(model.probabilities(features(pair)[:-1])[0, 0, 1])


def _without_drop(fit: UnmarkedFit, index: Index) -> Score:
    """Take the slope of the similarity from the real pairs alone, as if nothing else was known."""
    features = fit.features(index)
    simulated = fit.simulated(index, features=UNMARKED_FEATURES[:1])
    slope = similarity_slope(
        np.array([each.similarity[HEADLINE_MM] for each in fit.follow_ups]),
        np.array([each.changed for each in fit.follow_ups]),
    )

    def score(pair: Seen) -> float:
        same, change = simulated.probabilities(features(pair)[:1])[0, 0]
        return float(np.log(change / same)) + slope * pair.similarity[HEADLINE_MM]

    return score
