from datetime import date

import pytest

from patients.presenters import age_on, interval


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(1970, 5, 17), date(2024, 5, 16), 53),
        (date(1970, 5, 17), date(2024, 5, 17), 54),
        (date(1972, 2, 29), date(2023, 2, 28), 50),
        (date(1972, 2, 29), date(2023, 3, 1), 51),
        (date(1972, 2, 29), date(2024, 2, 29), 52),
    ],
)
def test_age_is_of_the_day_asked_for(born, day, age):
    assert age_on(born, day) == age


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "0 days"),
        (1, "1 day"),
        (13, "13 days"),
        (21, "3 weeks"),
        (60, "2 months"),
        (427, "14 months"),
        (1461, "4.0 years"),
    ],
)
def test_interval_reads_as_people_say_it(days, words):
    assert interval(days) == words
