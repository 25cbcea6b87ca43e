import json

import numpy as np
import pytest

from analysis.imaging.calibration import FOLDER
from analysis.imaging.versions import CHANGE_ALGORITHM
from benchmarks.fit_change import FOLDS, fit_model, left_out, threshold, with_similarity
from benchmarks.real_follow_ups import similarity_slope
from benchmarks.simulated_pairs import half_of


def sample(seed=1, size=300):
    rng = np.random.default_rng(seed)
    directions = rng.integers(-1, 2, size)
    measured = directions[:, None] * [1.0, 0.5] + 0.5 * rng.standard_normal((size, 2))
    patients = np.array([f"woman {each}" for each in rng.integers(0, 30, size)])
    return measured, directions, patients


def fitted(measured, directions, patients, refits=0):
    return fit_model(measured, directions, patients, features=("a", "b"), degree=2, refits=refits)


def test_a_fit_learns_the_direction():
    model = fitted(*sample())

    less, same, more = (model.probabilities(np.array([at, at / 2]))[0, 0] for at in (-1, 0, 1))
    assert [each.argmax() for each in (less, same, more)] == [0, 1, 2]


def test_the_refits_differ_and_are_repeatable():
    first, again = (fitted(*sample(), refits=3) for _ in range(2))

    assert first.weights.shape == (4, 3, 5)
    np.testing.assert_array_equal(first.weights, again.weights)
    assert len({tuple(each.ravel()) for each in first.weights}) == 4


def test_a_patient_is_never_judged_by_a_fit_on_her():
    _, _, patients = sample()
    seen = []

    def fit(inside):
        def predict(outside):
            seen.append(set(patients[inside]) & set(patients[outside]))
            return outside

        return predict

    order = left_out(fit, patients)

    assert order.tolist() == list(range(len(patients)))
    assert seen == [set()] * FOLDS


def test_few_unchanged_pairs_reach_the_threshold():
    probabilities = np.concatenate([np.linspace(0, 0.9, 100), np.ones(50)])
    changed = np.arange(150) >= 100

    limit = threshold(probabilities, changed)

    assert (probabilities[~changed] >= limit).mean() == pytest.approx(0.04, abs=0.011)


def test_similarity_shifts_the_log_odds_by_its_slope():
    measured, directions, patients = sample()
    alone = fit_model(
        measured[:, :1],
        (directions != 0).astype(int),
        patients,
        features=("likeliest_candidate",),
        degree=1,
        refits=2,
    )

    model = with_similarity(alone, np.array([0.6, 0.7, 0.8]), -10.0)

    def log_odds(ssim):
        same, change = model.probabilities(np.array([0.3, ssim]))[0, 0]
        return np.log(change / same)

    assert log_odds(0.6) - log_odds(0.7) == pytest.approx(1.0)
    alone_odds = alone.probabilities(np.array([0.3]))[0, 0]
    assert log_odds(0.7) == pytest.approx(np.log(alone_odds[1] / alone_odds[0]))


def test_unlike_pairs_are_rather_changed_and_never_the_other_way_round():
    ssim = np.array([0.5, 0.55, 0.6, 0.75, 0.78, 0.8])
    changed = np.array([True, True, True, False, False, False])

    assert similarity_slope(ssim, changed) < 0
    assert similarity_slope(ssim, ~changed) == 0


def test_both_halves_hold_about_as_many_women():
    halves = [half_of(str(number)) for number in range(1000)]

    assert 450 < halves.count("test") < 550
    assert set(halves) == {"test", "calibration"}


def test_the_stored_rules_say_what_they_rest_on():
    stored = json.loads((FOLDER / f"{CHANGE_ALGORITHM}.json").read_text(encoding="utf-8"))

    assert stored["algorithm"] == CHANGE_ALGORITHM
    assert stored["fitted_on"]["n"] > stored["fitted_on"]["n_marked"] > 300
    assert stored["fitted_on"]["patients"] == 29
