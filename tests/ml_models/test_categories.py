import numpy as np
import pytest

from ml_models.categories import (
    APPEARANCE_CLASSES,
    CATEGORIES,
    class_index,
    combine_with_pathology,
    spread_over_categories,
)

FROM_PICTURE = {"2": 0.1, "3": 0.2, "4": 0.3, "5": 0.4, "6": 0.0}


@pytest.mark.parametrize(
    ("category", "index"), [("1", 0), ("2", 0), ("3", 1), ("5", 3), ("6", 3), ("0", -1)]
)
def test_category_counts_as_the_class_it_looks_like(category, index):
    assert class_index(category, APPEARANCE_CLASSES) == index


def test_six_is_its_own_class_where_it_is_one():
    assert class_index("6", CATEGORIES) == 4


def test_category_that_is_no_class_gets_no_probability():
    spread = spread_over_categories(np.array([[0.1, 0.2, 0.3, 0.4]]), APPEARANCE_CLASSES)
    assert spread.tolist() == [[0.1, 0.2, 0.3, 0.4, 0.0]]


def test_pathology_makes_it_six():
    assert combine_with_pathology(FROM_PICTURE, malignant_pathology=True) == {
        "2": 0.0,
        "3": 0.0,
        "4": 0.0,
        "5": 0.0,
        "6": 1.0,
    }


def test_without_pathology_the_picture_stands():
    assert combine_with_pathology(FROM_PICTURE, malignant_pathology=False) == FROM_PICTURE
