"""Fit the probability of change to INbreast's follow-up pairs: one JSON file an algorithm.

    python -m benchmarks.calibrate_comparison

Change means that the recorded BI-RADS category differs. The pairs are few, so the logistic curve
is strongly regularised; the stored probabilities and AUC come from leaving one patient out.
"""

import json
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from analysis.imaging.calibration import FOLDER, Calibration
from analysis.imaging.comparison import measure
from analysis.imaging.versions import BASELINE_ALGORITHM, SSIM_ALGORITHM
from benchmarks.research_films import FollowUpPair, follow_up_pairs
from benchmarks.statistics import auc_by_patient

ALGORITHMS = (SSIM_ALGORITHM, BASELINE_ALGORITHM)
"""The versions whose only evidence is a score."""
REGULARISATION = 0.3
"""Inverse strength (scikit-learn's C) on the standardised score."""


def fit(ssim: NDArray[np.float64], changed: NDArray[np.bool_]) -> Calibration:
    """Fit a curve that never falls with dissimilarity.

    The threshold is the share of changed pairs: a change is reported when it is likelier than in
    an average follow-up. A score that does not tell changed pairs apart gets a flat curve and
    never reports one.
    """
    share = float(changed.mean())
    centre, spread = float(ssim.mean()), float(ssim.std())
    model = LogisticRegression(C=REGULARISATION).fit(((ssim - centre) / spread)[:, None], changed)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope >= 0:
        return Calibration(intercept=float(np.log(share / (1 - share))), slope=0.0, threshold=1.0)
    return Calibration(
        intercept=intercept - slope * centre / spread, slope=slope / spread, threshold=share
    )


def leave_one_patient_out(
    ssim: NDArray[np.float64], changed: NDArray[np.bool_], patients: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return each pair's probability from a curve fitted without its patient."""
    probabilities = np.empty(ssim.size)
    for patient in np.unique(patients):
        held_out = patients == patient
        calibration = fit(ssim[~held_out], changed[~held_out])
        probabilities[held_out] = [calibration.change_probability(s) for s in ssim[held_out]]
    return probabilities


def calibrate(algorithm: str, pairs: list[FollowUpPair]) -> dict[str, object]:
    """Fit one algorithm and describe the fit; nothing in it identifies a film or a patient."""
    measured = [
        (pair, measure(prior=pair.prior, current=pair.current, algorithm=algorithm))
        for pair in pairs
    ]
    used = [(pair, change.ssim) for pair, change in measured if change.ssim is not None]
    ssim = np.array([score for _, score in used])
    changed = np.array([pair.changed for pair, _ in used])
    patients = np.array([pair.patient for pair, _ in used])
    calibration = fit(ssim, changed)
    left_out = leave_one_patient_out(ssim, changed, patients)
    auc = auc_by_patient(-ssim, changed, patients)
    return {
        "algorithm": algorithm,
        **asdict(calibration),
        "fitted_on": {
            "pairs": "INbreast follow-up pairs, changed: the BI-RADS category differs",
            "n": len(used),
            "n_changed": int(changed.sum()),
            "n_not_comparable": len(pairs) - len(used),
            "patients": len(set(patients)),
            "patients_with_change": len(set(patients[changed])),
            "regularisation_c": REGULARISATION,
        },
        "auc_of_score": {"value": auc.value, "low_95": auc.low, "high_95": auc.high},
        "left_one_patient_out": {
            "brier": float(((left_out - changed) ** 2).mean()),
            "brier_of_constant_share": float(changed.mean() * (1 - changed.mean())),
            "unchanged": sorted(round(float(each), 3) for each in left_out[~changed]),
            "changed": sorted(round(float(each), 3) for each in left_out[changed]),
        },
    }


def main() -> None:
    pairs = list(follow_up_pairs())
    FOLDER.mkdir(exist_ok=True)
    for algorithm in ALGORITHMS:
        fitted = calibrate(algorithm, pairs)
        text = json.dumps(fitted, indent=2) + "\n"
        (FOLDER / f"{algorithm}.json").write_text(text, encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
