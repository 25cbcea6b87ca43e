import numpy as np
import pytest

from ml_models.fusion import fuse_logits

OWN = np.array([[1.0, 3.0], [3.0, 5.0]])
REFERENCE = np.array([0.5, 1.0])


def fuse(own, other, weight=0.5):
    return fuse_logits(own, other, reference=REFERENCE, other_weight=weight).tolist()


def test_views_are_averaged_and_what_the_other_breast_shares_taken_away():
    assert fuse(OWN, np.array([[1.5, 2.0]])) == [1.5, 3.5]


def test_without_the_other_breast_it_counts_as_an_average_one():
    assert fuse(OWN, np.zeros((0, 2))) == fuse(OWN, REFERENCE[None]) == [2.0, 4.0]


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_order_of_the_views_does_not_matter(weight):
    other = np.array([[1.0, 2.0], [0.0, 7.0]])
    assert fuse(OWN, other, weight) == fuse(OWN[::-1], other[::-1], weight)
