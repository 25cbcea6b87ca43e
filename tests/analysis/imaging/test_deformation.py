import numpy as np
import pytest

from analysis.imaging.deformation import refine
from analysis.imaging.frame import common_frame
from analysis.imaging.registration import Registration, RegistrationQuality, register
from benchmarks.simulator.grid import random_field, warp, warp_mask
from tests.phantoms import Lesion

PASSED = RegistrationQuality(passed=True, reason=None)


@pytest.fixture(scope="module")
def films(prepared):
    """A film and the same film bent by a known smooth field, mm."""
    breast = prepared(2)
    frame = common_frame(prior=breast, current=breast)
    rng = np.random.default_rng(5)
    bent_mm = 2.5 * np.stack([random_field(frame.prior.shape, 28, rng) for _ in range(2)], -1)
    displacement = (bent_mm / 0.4).astype(np.float32)
    return {
        "prior": frame.prior,
        "prior_mask": frame.prior_mask,
        "current": warp(frame.prior, displacement),
        "current_mask": warp_mask(frame.prior_mask, displacement),
    }, displacement


def error_mm(registration, displacement, mask):
    return np.linalg.norm(registration.displacement - displacement, axis=-1)[mask] * 0.4


def test_a_known_field_is_found(films):
    pictures, displacement = films
    start = Registration(np.zeros_like(displacement), PASSED)
    mask = pictures["current_mask"]

    found = refine(start, **pictures)

    assert np.median(error_mm(start, displacement, mask)) > 2
    assert np.median(error_mm(found, displacement, mask)) < 0.5


def test_it_improves_on_the_first_registration(films):
    pictures, displacement = films
    mask = pictures["current_mask"]
    start = register(**pictures)

    found = refine(start, **pictures)

    assert np.median(error_mm(found, displacement, mask)) < 0.8 * np.median(
        error_mm(start, displacement, mask)
    )
    assert found.quality.correlation == start.quality.correlation


def test_identical_films_stay_where_they_are(films):
    pictures, displacement = films
    same = {**pictures, "current": pictures["prior"], "current_mask": pictures["prior_mask"]}

    found = refine(Registration(np.zeros_like(displacement), PASSED), **same)

    assert np.abs(found.displacement).max() < 0.05


@pytest.mark.parametrize("sizes", [(15, 30), (30, 15), (0, 25), (25, 0)])
def test_a_mass_that_grew_shrank_came_or_went_is_not_explained_away(prepared, sizes):
    """The field may not swallow the change: areas change by less than a tenth."""
    prior, current = (
        prepared(1, lesion=Lesion(diameter_mm=size) if size else None) for size in sizes
    )
    frame = common_frame(prior=prior, current=current)
    start = Registration(np.zeros((*frame.prior.shape, 2), np.float32), PASSED)

    found = refine(start, **vars(frame))

    assert found.quality.log_jacobian_sd < 0.1
    assert np.median(np.abs(found.displacement[frame.current_mask])) * 0.4 < 1


def test_a_field_that_would_fold_is_given_up(films):
    pictures, displacement = films
    folded = np.zeros_like(displacement)
    folded[..., 0] = -2 * np.arange(folded.shape[1])
    start = Registration(folded, PASSED)

    assert refine(start, **pictures) is start
