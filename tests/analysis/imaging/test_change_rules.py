from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.imaging import attention, marked_change
from analysis.imaging.change_rules import (
    UNMARKED_FEATURES,
    ChangeEstimate,
    ChangeRules,
    LogisticModel,
    load_change_rules,
    unmarked_features,
)
from analysis.imaging.errors import ImagingError
from analysis.imaging.noise_floor import SimilarityFloor

MARKED = len(marked_change.FEATURES)


def model(weights, *, degree=1):
    weights = np.array(weights, float)
    names = tuple("abcdef"[: (weights.shape[-1] - 1) // degree])
    return LogisticModel(names, degree, np.zeros(len(names)), np.ones(len(names)), weights)


RULES = ChangeRules(
    marked=model([[[0, 0]] * 3]),
    candidate=model([[[0, 0]] * 2]),
    unmarked=model([[[0, 0, 0, 0]] * 2]),
    similarity_floor=SimilarityFloor(0.5, {"0.4": 0.5}),
    marked_threshold=0.7,
    unmarked_threshold=0.9,
    direction_share=0.7,
    contradicting_log_size=0.2,
)


def estimate(less, more):
    return ChangeEstimate(less + more, (0.0, 1.0), regression=less, progression=more)


def test_a_model_is_a_softmax_of_its_terms():
    linear = model([[[0, 0], [np.log(3), np.log(2)]]])
    squared = model([[[0, 0, 0], [0, 0, 1]]], degree=2)

    assert linear.probabilities(np.array([[1.0]]))[0, 0].tolist() == pytest.approx([1 / 7, 6 / 7])
    assert (
        squared.probabilities(np.array([2.0])).tolist()
        == squared.probabilities(np.array([-2.0])).tolist()
    )


@given(arrays(float, (3, MARKED), elements=st.floats(-20, 20)))
def test_probabilities_of_a_mark_add_up_and_lie_in_their_interval(measured):
    found = load_change_rules().at_mark(measured)

    low, high = found.interval
    assert 0 <= low <= found.probability <= high <= 1
    assert found.regression + found.progression == pytest.approx(found.probability)


def test_a_mark_that_is_surely_unchanged_has_no_part_of_either_change():
    certain = replace(RULES, marked=model([[[0, 0], [2000, 0], [0, 0]]]))

    found = certain.at_mark(np.array([[1.0]]))

    assert found == ChangeEstimate(0.0, (0.0, 0.0), regression=0.0, progression=0.0)


def test_loss_speaks_for_regression_and_gain_for_progression():
    rules = load_change_rules()
    lost, same, gained = (
        rules.at_mark(np.array([[density, density, density / 2, size, 1.5]]))
        for density, size in ((-1.5, -0.5), (0.0, 0.0), (1.5, 0.5))
    )

    assert lost.regression > rules.direction_share
    assert gained.progression > rules.direction_share
    assert same.probability < 0.3


@pytest.mark.parametrize(
    ("found", "log_size_ratio", "verdict"),
    [
        (estimate(0.3, 0.3), 0.0, "no_detectable_change"),
        (estimate(0.8, 0.1), -0.4, "regression"),
        (estimate(0.1, 0.8), 0.4, "progression"),
        (estimate(0.8, 0.1), 0.3, "changed_direction_unclear"),
        (estimate(0.1, 0.8), -0.3, "changed_direction_unclear"),
        (estimate(0.5, 0.4), -0.4, "changed_direction_unclear"),
        (estimate(0.9, 0.05), None, "regression"),
    ],
    ids=["same", "less", "more", "less-but-larger", "more-but-smaller", "torn", "gone"],
)
def test_a_direction_is_claimed_only_without_contradiction(found, log_size_ratio, verdict):
    directions = {"no_detectable_change": "none", "changed_direction_unclear": "indeterminate"}

    decided = RULES.verdict_at_mark(found, log_size_ratio=log_size_ratio)

    assert decided == (verdict, directions.get(verdict, verdict))


@pytest.mark.parametrize(
    ("probability", "decided"),
    [
        (0.89, ("no_detectable_change", "none")),
        (0.9, ("changed_direction_unclear", "indeterminate")),
    ],
)
def test_without_a_mark_no_direction_is_claimed(probability, decided):
    assert RULES.verdict_without_mark(ChangeEstimate(probability, (0.8, 1.0))) == decided


ALIKE = {"0.4": 0.45, "0.8": 0.5, "1.6": 0.62, "3.2": 0.76}


def test_likelier_candidates_and_less_similarity_make_change_likelier():
    rules = load_change_rules()
    likeliest = [
        rules.unmarked.probabilities(unmarked_features(each, ALIKE, floor=rules.similarity_floor))[
            0, 0, 1
        ]
        for each in (0.1, 0.9)
    ]
    alike, unlike = (
        rules.without_mark(
            np.zeros((0, len(attention.FEATURES))), ssim_by_scale_mm=ALIKE | {"3.2": ssim}
        ).probability
        for ssim in (0.9, 0.5)
    )

    assert likeliest[0] < likeliest[1]
    assert alike < unlike


def test_a_drop_is_what_the_finer_scales_do_not_explain():
    floor = SimilarityFloor(0.5, {"0.4": 0.5})

    assert floor.drop({"0.4": 0.4, "3.2": 0.7}) == pytest.approx(0)
    assert floor.drop({"0.4": 0.4, "3.2": 0.6}) == pytest.approx(0.1)
    assert floor.drop({"0.4": 0.2, "3.2": 0.6}) == pytest.approx(0)


def test_a_calibration_for_other_features_is_refused():
    stored = {"features": ["a"], "degree": 1, "centre": [0], "spread": [1], "weights": [[[0, 0]]]}

    with pytest.raises(ImagingError) as refusal:
        LogisticModel.read(stored, features=UNMARKED_FEATURES)

    assert refusal.value.code == "calibration_mismatch"
