"""Fit the rule set of ``registered-change-2`` on the simulator's calibration patients.

    python -m benchmarks.fit_change

Writes ``analysis/imaging/calibration/registered-change-2.json``, and into docs/comparison.md what
each way of judging a pair without a mark reaches on these patients. Thresholds are read from
probabilities of models that were fitted without the patient in question.

Without a mark, how much the similarity itself counts beyond its drop is fitted on the real
follow-up pairs: the simulator's severities vary more than real exams of one clinic do.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging import marked_change
from analysis.imaging.calibration import FOLDER
from analysis.imaging.change_rules import LogisticModel
from analysis.imaging.versions import CHANGE_ALGORITHM
from benchmarks.comparison import DOCUMENT
from benchmarks.document import write_section
from benchmarks.fitting import REGULARISATION, Index, Matrix, fit_model, left_out
from benchmarks.measured_pairs import MeasuredPair, measure_all
from benchmarks.real_follow_ups import measured_follow_ups
from benchmarks.research_films import follow_up_pairs
from benchmarks.simulated_pairs import recipes
from benchmarks.unmarked_fit import UnmarkedFit
from benchmarks.unmarked_ideas import ideas_report

ROUNDS = 2
"""Simulated follow-ups of each film and scenario."""
REFITS = 40
FALSE_ALARMS = 0.04
"""Share of unchanged pairs above the threshold; the aim on new patients is 5 %."""
DIRECTION_SHARE = 0.7
CONTRADICTING_LOG_SIZE = 0.2


def threshold(probabilities: Matrix, changed: NDArray[np.bool_]) -> float:
    """Return the probability that unchanged pairs rarely reach."""
    return float(np.quantile(probabilities[~changed], 1 - FALSE_ALARMS, method="higher"))


def fit_rules(pairs: list[MeasuredPair], unmarked: UnmarkedFit) -> dict[str, object]:
    """Fit all models and thresholds; nothing in the result identifies a film or a patient."""
    marked, marked_threshold, marked_n = _fit_marked([p for p in pairs if p.marked is not None])
    everyone = np.arange(len(pairs))
    floor, whole = unmarked.floor(everyone), unmarked.whole(everyone, refits=REFITS)
    return {
        "algorithm": CHANGE_ALGORITHM,
        "fitted_on": {
            "pairs": "simulated follow-ups of INbreast films, calibration patients",
            "n": len(pairs),
            "n_marked": marked_n,
            "patients": len({pair.patient for pair in pairs}),
            "regularisation_c": REGULARISATION,
            "false_alarms": FALSE_ALARMS,
            "odds": "change and no change equally likely",
            "similarity_slope_from": "INbreast follow-up pairs, changed: the category differs",
        },
        "thresholds": {
            "marked_threshold": marked_threshold,
            "unmarked_threshold": threshold(
                unmarked.left_out(unmarked.probability), unmarked.changed
            ),
            "direction_share": DIRECTION_SHARE,
            "contradicting_log_size": CONTRADICTING_LOG_SIZE,
        },
        "similarity_floor": asdict(floor),
        "models": {
            "marked": _stored(marked),
            "candidate": _stored(unmarked.candidate_model(everyone)),
            "unmarked": _stored(whole),
        },
    }


def _fit_marked(pairs: list[MeasuredPair]) -> tuple[LogisticModel, float, int]:
    placements = [pair.marked for pair in pairs if pair.marked is not None]
    first = np.array([each[0] for each in placements])
    directions = np.array([pair.direction for pair in pairs])
    patients = np.array([pair.patient for pair in pairs])

    def fit(index: Index, refits: int = 0) -> LogisticModel:
        return fit_model(
            first[index],
            directions[index],
            patients[index],
            features=marked_change.FEATURES,
            degree=2,
            refits=refits,
        )

    def fold(inside: Index) -> Callable[[Index], Matrix]:
        model = fit(inside)
        return lambda outside: np.array(
            [1 - np.median(model.probabilities(placements[at])[0], axis=0)[1] for at in outside]
        )

    probabilities = left_out(fold, patients)
    everything = np.arange(len(pairs))
    return fit(everything, REFITS), threshold(probabilities, directions != 0), len(pairs)


def _stored(model: LogisticModel) -> dict[str, object]:
    return {
        "features": list(model.features),
        "degree": model.degree,
        "centre": model.centre.round(6).tolist(),
        "spread": model.spread.round(6).tolist(),
        "weights": model.weights.round(5).tolist(),
    }


def as_text(rules: dict[str, object]) -> str:
    """Return JSON with each row of numbers on one line."""
    text = json.dumps(rules, indent=1) + "\n"
    return re.sub(r"\[([-\d.,e\s]+)\]", lambda row: f"[{' '.join(row[1].split())}]", text)


def main() -> None:
    cv2.setNumThreads(1)
    print("real follow-ups ...", file=sys.stderr)
    follow_ups = measured_follow_ups(follow_up_pairs())
    measured = measure_all(recipes("calibration", rounds=ROUNDS))
    registered = [pair for pair in measured if pair.registered]
    unmarked = UnmarkedFit(registered, follow_ups)
    rules = fit_rules(registered, unmarked)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{CHANGE_ALGORITHM}.json"
    path.write_text(as_text(rules), encoding="utf-8")
    print(json.dumps({key: rules[key] for key in ("fitted_on", "thresholds")}, indent=2))
    ideas = ideas_report(unmarked)
    print(ideas)
    write_section(DOCUMENT, "ways without a mark", ideas)


if __name__ == "__main__":
    main()
