"""Fit what tells a CC outline from an MLO outline, and say how well it does on other patients.

    python -m benchmarks.fit_projection

Films of INbreast, CDD-CESM (all CC) and mini-MIAS (all MLO); a logistic regression on the widths of
the breast. Cross-validated by patient; the stored coefficients are fitted on all films.
"""

import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis.imaging.calibration import FOLDER
from analysis.imaging.projection import outline_profile
from benchmarks.research_films import COLLECTIONS, outlines
from benchmarks.statistics import auc_by_patient

REGULARISATION = 0.3
FOLDS = 5


def main() -> None:
    collected = []
    for collection in COLLECTIONS:
        print(f"reading {collection}", file=sys.stderr, flush=True)
        collected += [
            (f"{collection} {patient}", view == "MLO", outline_profile(film.mask))
            for patient, view, film in outlines(collection)
        ]
    patients = np.array([row[0] for row in collected])
    oblique = np.array([row[1] for row in collected])
    profiles = np.array([row[2] for row in collected])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=3000))
    held_out = cross_val_predict(
        model, profiles, oblique, groups=patients, cv=GroupKFold(FOLDS), method="decision_function"
    )
    auc = auc_by_patient(held_out, oblique, patients)
    right = float(((held_out > 0) == oblique).mean())
    print(f"{oblique.size} films of {np.unique(patients).size} patients, {oblique.sum()} MLO")
    print(f"MLO against CC, held-out patients: AUC {auc}, {right:.3f} right")

    model.fit(profiles, oblique)
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    stored = {
        "intercept": float(regression.intercept_[0] - weights @ scaler.mean_),
        "weights": weights.tolist(),
        "films": int(oblique.size),
        "patients": int(np.unique(patients).size),
        "auc": [auc.value, auc.low, auc.high],
        "right": right,
    }
    path = FOLDER / "projection-1.json"
    path.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
