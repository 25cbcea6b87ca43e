"""The size category against baseline and nadir, over any number of dates."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.size_category import LesionSize, SizeCategory, size_course

GONE = "gone"


def categories(*diameters: float | str | None, is_new: bool = False) -> list[str]:
    sizes = [
        LesionSize(
            day=date(2024, 1, 5) + timedelta(days=90 * number),
            diameter_mm=None if found == GONE else found,
            measurable=found != GONE,
        )
        for number, found in enumerate(diameters)
    ]
    return [each.category.value for each in size_course(sizes, is_new=is_new)]


@pytest.mark.parametrize(
    ("diameters", "last"),
    [
        ((30.0, 18.0, 24.0), "increase"),  # smaller than at first, a third above the nadir
        ((20.0, 24.0), "steady"),  # 20 % but only 4 mm
        ((25.0, 30.0), "increase"),  # 20 % and 5 mm, exactly
        ((50.0, 56.0), "steady"),  # 6 mm but only 12 %
        ((30.0, 21.0), "partial_decrease"),  # 30 %, exactly
        ((30.0, 21.4), "steady"),
        ((30.0, GONE), "no_longer_measurable"),
        ((30.0, GONE, 4.0), "partial_decrease"),
        ((30.0, GONE, 6.0), "increase"),  # it was gone and is back
        ((100.0, 40.0, 60.0), "increase"),  # increase goes before decrease
        ((9.9, 30.0), "not_classified"),
        ((10.0, 15.0), "increase"),
        ((9.0, GONE), "no_longer_measurable"),
        ((None, 30.0), "not_classified"),
        ((30.0, None, 21.0), "partial_decrease"),
    ],
)
def test_the_last_date_against_baseline_and_nadir(diameters, last):
    assert categories(*diameters)[-1] == last


def test_every_date_has_its_category():
    assert categories(30.0, 20.0, GONE, 30.0) == [
        "baseline",
        "partial_decrease",
        "no_longer_measurable",
        "increase",
    ]


@pytest.mark.parametrize("diameter", [6.0, 30.0, None])
def test_a_new_lesion_is_an_increase_whatever_its_size(diameter):
    (category,) = categories(diameter, is_new=True)

    assert category == "new_lesion"


def test_dates_count_by_time_not_by_entry():
    later = LesionSize(day=date(2024, 6, 1), diameter_mm=36.0)
    first = LesionSize(day=date(2024, 1, 1), diameter_mm=30.0)

    course = size_course([later, first])

    assert [each.category for each in course] == [SizeCategory.BASELINE, SizeCategory.INCREASE]
    assert (course[1].baseline_mm, course[1].nadir_mm) == (30.0, 30.0)


def test_nothing_measured_is_no_course():
    assert size_course([]) == []


@given(st.lists(st.floats(10, 100), min_size=2, max_size=8))
def test_an_increase_is_never_within_5_mm_of_the_nadir(diameters):
    course = size_course(
        [
            LesionSize(day=date(2024, 1, 1) + timedelta(days=number), diameter_mm=found)
            for number, found in enumerate(diameters)
        ]
    )

    for at, each in enumerate(course[1:], start=1):
        assert each.nadir_mm == min(diameters[:at])
        grown = diameters[at] - each.nadir_mm
        assert (each.category == SizeCategory.INCREASE) == (
            grown >= 5 - 1e-6 and diameters[at] >= 1.2 * each.nadir_mm - 1e-6
        )
