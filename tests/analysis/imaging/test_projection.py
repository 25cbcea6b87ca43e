from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.imaging.comparison import compare_breasts
from analysis.imaging.errors import ImagingError
from analysis.imaging.projection import BANDS, obliqueness, outline_profile
from benchmarks.research_films import outlines, research_data
from tests.phantoms import phantom


def triangle(rows: int, *, wide_at_top: bool) -> np.ndarray:
    widths = np.linspace(rows, 1, rows) if wide_at_top else np.linspace(1, rows, rows)
    return np.arange(rows)[None, :] < widths[:, None]


def test_profile_runs_from_top_to_bottom():
    profile = outline_profile(triangle(100, wide_at_top=True))

    assert profile.shape == (BANDS,)
    assert profile.max() <= 1
    assert (np.diff(profile) < 0).all()


@given(rows=st.integers(1, 40), below=st.integers(0, 40), beside=st.integers(0, 40))
def test_background_around_the_breast_does_not_count(rows, below, beside):
    mask = triangle(60, wide_at_top=False)
    framed = np.pad(mask, ((rows, below), (0, beside)))

    assert obliqueness(framed) == obliqueness(mask)


def test_a_mask_without_a_breast_is_refused():
    with pytest.raises(ImagingError) as refusal:
        outline_profile(np.zeros((100, 100), bool))
    assert refusal.value.code == "empty_mask"


def test_an_oblique_outline_is_wide_at_the_top():
    assert obliqueness(triangle(100, wide_at_top=True)) > 0
    assert obliqueness(phantom(1, view="CC").breast) < 0


def test_real_films_of_two_views_are_not_compared_though_both_are_called_cc():
    """Of files without a header only one view can be stated: the pictures must tell."""
    if not (research_data() / "inbreast").exists():
        pytest.skip("no research images: MAMMOTRACK_RESEARCH_DATA")
    films = {"CC": [], "MLO": []}
    for patient, view, film in islice(outlines("inbreast"), 40):
        films[view].append((patient, film))

    reasons = {
        compare_breasts(prior=craniocaudal, current=oblique).reason
        for owner, craniocaudal in films["CC"]
        for other, oblique in films["MLO"]
        if owner == other and craniocaudal.laterality == oblique.laterality
    }

    assert reasons <= {"view_mismatch", "registration_failed"}
    assert reasons
