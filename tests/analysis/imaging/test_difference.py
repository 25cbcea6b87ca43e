import cv2
import numpy as np
import pytest

from analysis.imaging.difference import signed_difference
from analysis.imaging.mark import Mark
from tests.phantoms import Lesion


@pytest.fixture(scope="module")
def breast(prepared):
    film = prepared(2)
    return film.image, film.mask


def with_mass(image, mark, contrast):
    mass = cv2.GaussianBlur(mark.covers(image.shape).astype(np.float32), (0, 0), 2)
    return np.clip(image + contrast * mass, 0, 1).astype(np.float32)


def noisy(image, mask, seed, spread=0.01):
    noise = spread * np.random.default_rng(seed).standard_normal(image.shape)
    return np.where(mask, np.clip(image + noise, 0, 1), 0).astype(np.float32)


MASS = Mark(x=100, y=170, radius=20)


def test_a_new_mass_is_a_gain_and_a_lost_one_a_loss(breast):
    image, mask = breast
    before = noisy(image, mask, 1)
    after = noisy(with_mass(image, MASS, 0.1), mask, 2)
    inside = MASS.covers(image.shape) & mask

    gained = signed_difference(current=after, prior=before, mask=mask)
    lost = signed_difference(current=before, prior=after, mask=mask)

    assert gained.signed[inside].mean() == pytest.approx(0.1, abs=0.03)
    assert lost.signed[inside].mean() == pytest.approx(-0.1, abs=0.03)
    assert gained.z[inside].mean() > 3
    assert lost.z[inside].mean() < -3


@pytest.mark.parametrize("density", [0.8, 1.15])
def test_a_change_of_density_everywhere_is_no_change(breast, density):
    image, mask = breast
    after = noisy(np.clip(image * density, 0, 1), mask, 2)

    difference = signed_difference(current=after, prior=noisy(image, mask, 1), mask=mask)

    assert abs(np.median(difference.signed[difference.assessed])) < 0.002
    assert np.abs(difference.signed[difference.assessed]).max() < 0.03


def test_the_noise_is_that_of_the_pair(breast):
    image, mask = breast
    quiet, loud = (
        signed_difference(
            current=noisy(image, mask, 2, spread),
            prior=noisy(image, mask, 1, spread),
            mask=mask,
        )
        for spread in (0.01, 0.02)
    )

    assert loud.noise == pytest.approx(2 * quiet.noise, rel=0.2)
    assert np.median(np.abs(quiet.z[quiet.assessed])) == pytest.approx(0.67, abs=0.15)


def test_misalignment_is_read_in_millimetres(breast):
    image, mask = breast
    shifted = np.roll(image, 2, axis=1)

    moved = signed_difference(
        current=noisy(image, mask, 1), prior=noisy(shifted, mask, 2), mask=mask
    )
    still = signed_difference(current=noisy(image, mask, 1), prior=noisy(image, mask, 2), mask=mask)

    assert moved.misalignment_mm > still.misalignment_mm + 0.2
    assert moved.misalignment_mm < 2 * 0.4


def test_an_excluded_mass_does_not_shift_what_is_around_it(breast):
    image, mask = breast
    before, after = noisy(image, mask, 1), noisy(with_mass(image, MASS, 0.2), mask, 2)
    around = Mark(MASS.x, MASS.y, 1.6 * MASS.radius).covers(image.shape)

    difference = signed_difference(current=after, prior=before, mask=mask, excluded=around)

    ring = (
        Mark(MASS.x, MASS.y, 2.2 * MASS.radius).covers(image.shape) & ~around & difference.assessed
    )
    assert abs(difference.signed[ring].mean()) < 0.005


def test_the_rim_is_not_assessed(prepared):
    film = prepared(1, lesion=Lesion(diameter_mm=20))

    difference = signed_difference(current=film.image, prior=film.image, mask=film.mask)

    depth_mm = cv2.distanceTransform(np.pad(film.mask, 1).astype(np.uint8), cv2.DIST_L2, 5) * 0.4
    assert depth_mm[1:-1, 1:-1][difference.assessed].min() > 5
    assert np.abs(difference.signed).max() < 1e-4
