import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.imaging.photometry import match_intensities, tissue_window, window_on_tissue
from tests.phantoms import Lesion, phantom

FILM = phantom(3, label=False)


@given(gain=st.floats(0.6, 1.1), gamma=st.floats(0.8, 1.25), offset=st.floats(0, 0.1))
@settings(deadline=None, max_examples=20)
def test_exposure_and_processing_are_undone(gain, gamma, offset):
    prior = np.clip(offset + gain * FILM.pixels**gamma, 0, 1).astype(np.float32)

    matched = match_intensities(prior, FILM.pixels, FILM.breast)

    assert np.abs(matched - FILM.pixels)[FILM.breast].mean() < 0.01


def test_the_map_is_monotonous():
    ramp = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)

    matched = match_intensities(ramp, FILM.pixels[300:364, 100:164], np.ones((64, 64), bool))

    assert (np.diff(matched.ravel()) >= 0).all()


def test_a_new_lesion_is_not_matched_away():
    current = phantom(3, label=False, lesion=Lesion(diameter_mm=20))

    matched = match_intensities(FILM.pixels, current.pixels, FILM.breast)

    left = (current.pixels - matched)[current.lesion].mean()
    drawn = (current.pixels - FILM.pixels)[current.lesion].mean()
    assert left > 0.75 * drawn


def test_a_constant_prior_gives_no_division_by_zero():
    flat = np.full(FILM.pixels.shape, 0.5, np.float32)

    matched = match_intensities(flat, FILM.pixels, FILM.breast)

    assert np.isfinite(matched).all()


def test_the_window_spans_the_tissue():
    darkest, brightest = tissue_window(FILM.pixels, FILM.breast)

    shown = window_on_tissue(FILM.pixels, darkest=darkest, brightest=brightest)

    inside = shown[FILM.breast]
    assert (inside.min(), inside.max()) == (0, 1)
    assert (inside == 0).mean() == pytest.approx(0.01, abs=0.003)
    assert (inside == 1).mean() == pytest.approx(0.01, abs=0.003)
