import numpy as np
import pytest

from ml_models.calibration import (
    fit_platt,
    fit_set_thresholds,
    fit_temperature,
    log_odds,
    softmax,
)


def simulated(count=4000, seed=2):
    """Logits whose softmax is the true distribution of the labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 4))
    drawn = rng.random((count, 1)) > softmax(logits).cumsum(axis=1)
    return logits, np.minimum(drawn.sum(axis=1), 3)


def test_temperature_undoes_overconfidence():
    logits, truth = simulated()
    assert fit_temperature(3 * logits, truth) == pytest.approx(3, rel=0.1)


def test_platt_recovers_the_log_odds():
    logits, truth = simulated()
    suspicious = np.array([False, False, True, True])
    platt = fit_platt(2 * log_odds(logits, suspicious), suspicious[truth])
    assert platt.slope == pytest.approx(0.5, abs=0.06)
    assert platt.intercept == pytest.approx(0.0, abs=0.1)


def test_sets_hold_each_class_at_the_promised_share():
    logits, truth = simulated()
    thresholds = fit_set_thresholds(softmax(logits[:2000]), truth[:2000], coverage=0.9)
    kept = softmax(logits[2000:]) >= thresholds
    for label in range(4):
        own = truth[2000:] == label
        assert kept[own, label].mean() == pytest.approx(0.9, abs=0.05)


def test_class_with_too_few_images_is_always_in_the_set():
    probabilities = np.full((8, 2), 0.5)
    assert fit_set_thresholds(probabilities, np.zeros(8, int), coverage=0.9).tolist() == [0, 0]


def test_each_patient_counts_once_with_her_least_probable_image():
    own = np.array([0.9, 0.2, 0.8, 0.3, 0.7])
    probabilities = np.stack([own, 1 - own], axis=1)
    patients = np.array(["a", "a", "b", "b", "c"])
    thresholds = fit_set_thresholds(
        probabilities, np.zeros(5, int), coverage=0.5, patients=patients
    )
    assert thresholds.tolist() == [0.3, 0]  # second of 0.2, 0.3 and 0.7
