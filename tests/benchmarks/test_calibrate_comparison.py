import json

import numpy as np
import pytest

from analysis.imaging.calibration import FOLDER, load_calibration
from benchmarks.calibrate_comparison import ALGORITHMS, fit, leave_one_patient_out
from benchmarks.statistics import auc_by_patient

SSIM = np.array([0.50, 0.55, 0.60, 0.72, 0.74, 0.78, 0.80, 0.82])
CHANGED = np.array([True, True, True, False, False, False, False, False])
PATIENTS = np.array(["a", "b", "b", "a", "c", "c", "d", "d"])


def test_dissimilar_pairs_are_rather_changed():
    calibration = fit(SSIM, CHANGED)

    assert calibration.slope < 0
    assert calibration.threshold == 3 / 8
    probabilities = [calibration.change_probability(score) for score in SSIM]
    assert probabilities == sorted(probabilities, reverse=True)
    assert [p >= calibration.threshold for p in probabilities] == CHANGED.tolist()


def test_a_score_that_points_the_wrong_way_never_reports_a_change():
    calibration = fit(SSIM, ~CHANGED)

    assert calibration.slope == 0
    assert calibration.change_probability(0.5) == pytest.approx(5 / 8)
    assert calibration.change_probability(0.5) < calibration.threshold


def test_a_patient_is_never_judged_by_a_curve_fitted_on_her():
    without_b = fit(SSIM[PATIENTS != "b"], CHANGED[PATIENTS != "b"])

    left_out = leave_one_patient_out(SSIM, CHANGED, PATIENTS)

    assert left_out[1] == without_b.change_probability(SSIM[1])


def test_the_area_under_the_curve_is_exact_and_its_interval_holds_it():
    auc = auc_by_patient(-SSIM, CHANGED, PATIENTS)
    mixed = auc_by_patient(SSIM * 0, CHANGED, PATIENTS)

    assert auc.value == 1
    assert mixed.value == 0.5
    assert auc.low <= auc.value <= auc.high


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_stored_calibration_says_what_it_rests_on(algorithm):
    stored = json.loads((FOLDER / f"{algorithm}.json").read_text())

    left_out = stored["left_one_patient_out"]
    assert stored["algorithm"] == algorithm
    assert stored["fitted_on"]["n"] == len(left_out["changed"] + left_out["unchanged"])
    assert stored["fitted_on"]["n_changed"] == len(left_out["changed"])
    assert stored["slope"] == load_calibration(algorithm).slope
