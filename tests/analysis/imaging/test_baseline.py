import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from analysis.imaging.baseline import paper_gray, paper_ssim
from tests.phantoms import Lesion, phantom


def test_it_is_the_published_recipe():
    prior, current = phantom(1).pixels, phantom(2).pixels[:-100]
    grays = [
        cv2.resize(np.round(film * 255).astype(np.uint8), (150, 150)) for film in (prior, current)
    ]

    expected = structural_similarity(*grays, data_range=255)

    assert paper_ssim(prior, current) == expected
    assert paper_gray(current).shape == (150, 150)


def test_a_film_scores_one_against_itself():
    film = phantom(1).pixels

    assert paper_ssim(film, film) == pytest.approx(1)


def test_it_takes_positioning_for_more_change_than_a_30_mm_mass():
    film = phantom(1).pixels

    moved = paper_ssim(film, phantom(1, shift_mm=(2, 2)).pixels)
    with_mass = paper_ssim(film, phantom(1, lesion=Lesion(diameter_mm=30)).pixels)

    assert moved < 0.9
    assert with_mass > 0.95
