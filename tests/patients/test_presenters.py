import pytest

from patients.presenters import interval


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
