import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.imaging.lesion import longest_diameter_px, measure_lesion
from analysis.imaging.mark import Mark

ROWS, COLS = 260, 220
INSIDE = np.ones((ROWS, COLS), bool)


def film(diameter_mm, *, stretch=1.0, contrast=0.15, noise=0.01, seed=0):
    """An ellipse with soft edges on sloping, noisy tissue; its centre is (110, 130)."""
    rows, cols = np.indices((ROWS, COLS), np.float32)
    radius_mm = np.hypot((cols - 110) / stretch, rows - 130) * 0.4
    mass = 1 / (1 + np.exp(np.clip((radius_mm - diameter_mm / 2) / 0.5, -30, 30)))
    tissue = 0.3 + 0.0006 * rows + contrast * mass
    return (tissue + noise * np.random.default_rng(seed).standard_normal(rows.shape)).astype(
        np.float32
    )


@settings(max_examples=25, deadline=None)
@given(
    diameter_mm=st.floats(10, 32),
    shift_mm=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    guess=st.floats(0.85, 1.2),
)
def test_a_marked_mass_is_sized_within_two_millimetres(diameter_mm, shift_mm, guess):
    mark = Mark(110 + shift_mm[0] / 0.4, 130 + shift_mm[1] / 0.4, guess * diameter_mm / 2 / 0.4)

    lesion = measure_lesion(film(diameter_mm), INSIDE, mark)

    assert lesion.diameter_mm == pytest.approx(diameter_mm, abs=2.0)
    assert lesion.contrast == pytest.approx(0.15, abs=0.05)
    assert lesion.area_mm2 == pytest.approx(np.pi / 4 * diameter_mm**2, rel=0.35)


def test_the_longest_diameter_is_that_of_the_long_axis():
    lesion = measure_lesion(film(16, stretch=1.4), INSIDE, Mark(110, 130, 9.5 / 0.4))

    assert lesion.diameter_mm == pytest.approx(16 * 1.4, abs=1.5)


def test_the_outline_lies_on_the_mass_of_the_whole_picture():
    lesion = measure_lesion(film(20), INSIDE, Mark(112, 128, 25))

    rows, cols = np.nonzero(lesion.outline)
    assert lesion.outline.shape == (ROWS, COLS)
    assert (cols.mean(), rows.mean()) == (pytest.approx(110, abs=1.5), pytest.approx(130, abs=1.5))


def test_tissue_without_a_mass_has_next_to_no_contrast():
    lesion = measure_lesion(film(20, contrast=0.0), INSIDE, Mark(110, 130, 25))

    assert abs(lesion.contrast) < 0.02


def test_a_mark_beside_the_picture_finds_nothing():
    lesion = measure_lesion(film(20), INSIDE, Mark(-60, 130, 10))

    assert (lesion.diameter_mm, lesion.area_mm2, lesion.outline.any()) == (0.0, 0.0, False)


def test_the_longest_diameter_counts_whole_pixels():
    region = np.zeros((9, 9), bool)
    region[4, 2:7] = True

    assert longest_diameter_px(region) == 5
    assert longest_diameter_px(np.zeros((9, 9), bool)) == 0
