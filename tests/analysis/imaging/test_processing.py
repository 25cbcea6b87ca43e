import cv2
import numpy as np

from analysis.imaging.processing import processing_views
from tests.phantoms import phantom

FILM = phantom(1).pixels
VIEWS = processing_views(FILM)
GRAY = np.round(FILM * 255).astype(np.uint8)


def test_the_steps_are_the_published_ones():
    denoised = cv2.GaussianBlur(GRAY, (5, 5), 0)

    np.testing.assert_array_equal(VIEWS.grayscale, GRAY)
    np.testing.assert_array_equal(VIEWS.denoised, denoised)
    np.testing.assert_array_equal(VIEWS.edges, cv2.Canny(denoised, 50, 150))


def test_the_histogram_counts_every_pixel_once():
    assert VIEWS.histogram.shape == (256,)
    assert VIEWS.histogram.sum() == GRAY.size
    assert VIEWS.histogram[0] == (GRAY == 0).sum()


def test_the_threshold_keeps_the_breast_and_not_the_label():
    breast = phantom(1).breast
    kept = VIEWS.threshold > 0
    top, bottom, left, right = VIEWS.region_of_interest

    assert not kept[40:110, -130:-30].any()
    assert kept[~breast].mean() < 0.01
    rows, cols = np.nonzero(kept)
    assert (top, bottom, left, right) == (rows.min(), rows.max() + 1, cols.min(), cols.max() + 1)


def test_a_large_film_is_reduced_and_a_blank_one_has_no_region():
    large = processing_views(np.zeros((2000, 1500), np.float32))

    assert large.grayscale.shape == (800, 600)
    assert large.region_of_interest == (0, 0, 0, 0)
    assert not large.threshold.any()
