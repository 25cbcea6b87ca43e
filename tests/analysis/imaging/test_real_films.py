"""What only real films can show; left out where the research data is absent."""

from itertools import islice

import pytest

from analysis.imaging.comparison import compare_breasts
from benchmarks.research_films import films, follow_up_pairs, research_data

pytestmark = pytest.mark.skipif(
    not (research_data() / "inbreast").is_dir(), reason="no research data (see docs/comparison.md)"
)


@pytest.mark.parametrize("collection", ["inbreast", "cdd_cesm", "mini_mias"])
def test_films_of_every_collection_are_assessable_and_hang_as_labelled(collection):
    for film, _ in islice(films(collection), 8):
        assert film.reasons == ()
        assert not film.side_conflict


def test_follow_up_films_of_one_breast_register():
    pair = next(follow_up_pairs())

    change = compare_breasts(prior=pair.prior, current=pair.current)

    assert change.registration.passed
    assert change.ssim > 0.7
    assert change.verdict == "no_detectable_change"
