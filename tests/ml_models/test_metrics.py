import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from ml_models import metrics

ONE = np.ones((1, 8))
TRUTH = np.array([0, 0, 1, 1, 2, 2, 2, 3])
GUESS = np.array([0, 1, 1, 1, 2, 0, 3, 3])


def confusion():
    return metrics.confusion_counts(truth=TRUTH, predicted=GUESS, classes=4, weights=ONE)


def test_figures_equal_scikit_learn():
    overall = {name: float(v[0]) for name, v in metrics.overall_figures(confusion()).items()}
    assert overall == pytest.approx(
        {
            "accuracy": reference.accuracy_score(TRUTH, GUESS),
            "balanced_accuracy": reference.balanced_accuracy_score(TRUTH, GUESS),
            "macro_f1": reference.f1_score(TRUTH, GUESS, average="macro"),
            "quadratic_kappa": reference.cohen_kappa_score(TRUTH, GUESS, weights="quadratic"),
        }
    )


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=8, max_size=8))
def test_auc_equals_scikit_learn_with_ties(scores):
    positive = TRUTH >= 2
    ours = metrics.auc(positive=positive, score=np.array(scores), weights=ONE)[0]
    assert ours == pytest.approx(reference.roc_auc_score(positive, scores))


def test_absent_class_is_undefined_and_left_out_of_means():
    counts = metrics.confusion_counts(
        truth=np.array([0, 0, 1]), predicted=np.array([0, 2, 1]), classes=3, weights=np.ones((1, 3))
    )
    assert np.isnan(metrics.class_figures(counts)["recall"][0, 2])
    assert metrics.overall_figures(counts)["balanced_accuracy"][0] == pytest.approx(0.75)


def test_draws_keep_the_images_of_a_patient_together():
    draws = metrics.patient_draws(["a", "a", "b", "c"], draws=50, seed=3)
    assert draws.shape == (51, 4)
    assert draws[0].tolist() == [1, 1, 1, 1]
    assert (draws[:, 0] == draws[:, 1]).all()
    assert (draws[1:, 1:].sum(axis=1) == 3).all()


def test_interval_holds_the_middle_of_the_draws():
    figure = metrics.figure(np.array([0.5, *np.linspace(0, 1, 41)]))
    assert figure.as_list() == [0.5, 0.025, 0.975]


def test_calibration_error_of_a_perfect_and_of_a_wrong_probability():
    positive = np.array([True, False] * 50)
    weights = np.ones((1, 100))
    sure = positive.astype(float)
    assert metrics.calibration_error(positive=positive, probability=sure, weights=weights)[0] == 0
    assert (
        metrics.calibration_error(positive=positive, probability=1 - sure, weights=weights)[0] == 1
    )
