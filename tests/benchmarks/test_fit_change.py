import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.imaging import attention
from analysis.imaging.calibration import FOLDER
from analysis.imaging.noise_floor import FINER_MM, HEADLINE_MM
from analysis.imaging.versions import CHANGE_ALGORITHM
from benchmarks.fit_change import threshold
from benchmarks.fitting import FOLDS, fit_model, left_out
from benchmarks.real_follow_ups import similarity_slope
from benchmarks.simulated_pairs import half_of
from benchmarks.unmarked_fit import UnmarkedFit, with_similarity


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
    simulated = fit_model(
        measured,
        (directions != 0).astype(int),
        patients,
        features=("likeliest_candidate", "similarity_drop"),
        degree=1,
        refits=2,
    )

    model = with_similarity(simulated, np.array([0.6, 0.7, 0.8]), -10.0)

    def log_odds(ssim):
        same, change = model.probabilities(np.array([0.3, 0.1, ssim]))[0, 0]
        return np.log(change / same)

    assert log_odds(0.6) - log_odds(0.7) == pytest.approx(1.0)
    same, change = simulated.probabilities(np.array([0.3, 0.1]))[0, 0]
    assert log_odds(0.7) == pytest.approx(np.log(change / same))


SSIM = np.array([0.5, 0.55, 0.6, 0.75, 0.78, 0.8])
CHANGED = np.array([True, True, True, False, False, False])


def test_unlike_pairs_are_rather_changed_and_never_the_other_way_round():
    assert similarity_slope(SSIM, CHANGED) < 0
    assert similarity_slope(SSIM, ~CHANGED) == pytest.approx(0, abs=1e-3)


def test_what_the_other_features_tell_is_not_counted_twice():
    known = np.where(CHANGED, 3.0, -3.0)

    assert similarity_slope(SSIM, CHANGED) < similarity_slope(SSIM, CHANGED, log_odds=known) < 0


def simulated_pairs(size=120):
    """Pairs whose similarity falls with bad positioning everywhere, with change at 3.2 mm only."""
    rng = np.random.default_rng(3)
    for number in range(size):
        direction, bad = int(rng.integers(-1, 2)), rng.random()
        fine = {scale: 0.9 - 0.5 * bad + 0.01 * rng.random() for scale in FINER_MM}
        lost = 0.05 * abs(direction)
        yield SimpleNamespace(
            patient=f"woman {number % 20}",
            direction=direction,
            candidates=rng.standard_normal((3, len(attention.FEATURES))),
            candidate_hits=np.array([direction != 0, False, False]),
            similarity={**fine, HEADLINE_MM: 0.95 - 0.4 * bad - lost},
            headline=0.95 - 0.4 * bad - lost,
        )


def test_the_floor_tells_a_change_from_bad_positioning():
    pairs = list(simulated_pairs())
    fit = UnmarkedFit(pairs, [])

    floor = fit.floor(np.arange(len(pairs)))

    drops = np.array([floor.drop(pair.similarity) for pair in pairs])
    assert roc_auc_score(fit.changed, drops) > 0.99
    assert roc_auc_score(fit.changed, [-pair.headline for pair in pairs]) < 0.8


def test_both_halves_hold_about_as_many_women():
    halves = [half_of(str(number)) for number in range(1000)]

    assert 450 < halves.count("test") < 550
    assert set(halves) == {"test", "calibration"}


def test_the_stored_rules_say_what_they_rest_on():
    stored = json.loads((FOLDER / f"{CHANGE_ALGORITHM}.json").read_text(encoding="utf-8"))

    assert stored["algorithm"] == CHANGE_ALGORITHM
    assert stored["fitted_on"]["n"] > stored["fitted_on"]["n_marked"] > 300
    assert stored["fitted_on"]["patients"] == 29
