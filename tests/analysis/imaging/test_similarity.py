import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.filters import gaussian
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean

from analysis.imaging.comparison import similarity_by_factor
from analysis.imaging.errors import ImagingError
from analysis.imaging.similarity import multiscale_ssim, structural_similarity_inside
from tests.phantoms import phantom

SIDE = 64
TISSUE = phantom(3, label=False).pixels[240:496, 20:276].copy()
WHOLE = np.ones((SIDE, SIDE), bool)
DISC = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE / 2)) < 26

images = st.builds(
    lambda seed, row, col, noise: np.clip(
        TISSUE[row : row + SIDE, col : col + SIDE]
        + noise * np.random.default_rng(seed).standard_normal((SIDE, SIDE)),
        0,
        1,
    ).astype(np.float32),
    seed=st.integers(0, 2**16),
    row=st.integers(0, 190),
    col=st.integers(0, 190),
    noise=st.floats(0, 0.3),
)
masks = st.sampled_from([WHOLE, DISC])
factors = st.sampled_from([1, 2, 4])


@given(first=images, second=images)
@settings(deadline=None, max_examples=30)
def test_on_a_full_mask_it_is_scikit_images_gaussian_ssim(first, second):
    ours = structural_similarity_inside(first, second, WHOLE)

    _, theirs = structural_similarity(
        first.astype(np.float64),
        second.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    whole_windows = slice(5, -5), slice(5, -5)
    np.testing.assert_allclose(ours.local[whole_windows], theirs[whole_windows], atol=1e-5)


@given(image=images, mask=masks, factor=factors)
@settings(deadline=None, max_examples=30)
def test_identical_pictures_score_one(image, mask, factor):
    same = structural_similarity_inside(image, image, mask, factor=factor)

    assert same.ssim == pytest.approx(1, abs=1e-9)
    assert (same.luminance, same.contrast, same.structure) == pytest.approx((1, 1, 1), abs=1e-9)


@given(first=images, second=images, mask=masks, factor=factors)
@settings(deadline=None, max_examples=30)
def test_the_score_is_symmetric_and_bounded(first, second, mask, factor):
    there = structural_similarity_inside(first, second, mask, factor=factor)
    back = structural_similarity_inside(second, first, mask, factor=factor)

    assert there.ssim == pytest.approx(back.ssim, abs=1e-12)
    assert there.local.min() >= -1
    assert there.local.max() <= 1 + 1e-6
    assert 0 <= there.luminance <= 1 + 1e-9
    assert 0 <= there.contrast <= 1 + 1e-9
    assert -1 <= there.structure <= 1 + 1e-9


@given(first=images, second=images, background=images)
@settings(deadline=None, max_examples=30)
def test_the_background_does_not_count(first, second, background):
    on_black = structural_similarity_inside(first * DISC, second * DISC, DISC)
    on_anything = structural_similarity_inside(
        np.where(DISC, first, background), np.where(DISC, second, 1 - background), DISC
    )

    assert on_black.ssim == pytest.approx(on_anything.ssim, abs=1e-9)
    np.testing.assert_array_equal(on_black.local, on_anything.local)
    assert (on_black.local[~DISC] == 0).all()


@given(first=images, second=images, gain=st.floats(0.3, 1.0), offset=st.floats(0, 0.3))
@settings(deadline=None, max_examples=20)
def test_one_exposure_of_both_pictures_does_not_count(first, second, gain, offset):
    """Both are read in the window of the current tissue, whatever its gray levels."""
    gain = np.float32(gain * (1 - offset))

    def measured(*pictures):
        mask = np.ones((128, 128), bool)
        shown = (np.kron(each, np.ones((2, 2), np.float32)) for each in pictures)
        return [each.ssim for each in similarity_by_factor(*shown, mask).values()]

    exposed = (gain * each + np.float32(offset) for each in (first, second))
    assert measured(*exposed) == pytest.approx(measured(first, second), abs=1e-3)


def test_the_local_map_is_the_product_of_its_parts_where_they_are_known():
    first, second = np.full((2, 32, 32), 0.4, np.float32)
    second = second + np.float32(0.2)

    flat = structural_similarity_inside(first, second, np.ones((32, 32), bool))

    c1 = 0.01**2
    expected = (2 * 0.4 * 0.6 + c1) / (0.4**2 + 0.6**2 + c1)
    assert flat.luminance == pytest.approx(expected, abs=1e-6)
    assert flat.contrast == pytest.approx(1, abs=1e-6)
    assert flat.structure == pytest.approx(1, abs=1e-6)
    assert flat.ssim == pytest.approx(expected, abs=1e-6)


def test_coarse_scales_forgive_fine_noise():
    noisy = np.clip(
        TISSUE + 0.1 * np.random.default_rng(0).standard_normal(TISSUE.shape), 0, 1
    ).astype(np.float32)
    mask = np.ones(TISSUE.shape, bool)

    scores = [
        structural_similarity_inside(TISSUE, noisy, mask, factor=factor).ssim
        for factor in (1, 2, 4, 8)
    ]

    assert scores == sorted(scores)


def textbook_parts(first, second):
    """Mean luminance and mean contrast-structure without the rim, by scikit-image's filter."""
    smooth = functools.partial(gaussian, sigma=1.5, truncate=3.5, mode="constant")
    inside = smooth(np.ones(first.shape))

    def average(image):
        return smooth(image) / inside

    mean_1, mean_2 = average(first), average(second)
    variances = average(first**2) - mean_1**2 + average(second**2) - mean_2**2
    covariance = average(first * second) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + 0.01**2) / (mean_1**2 + mean_2**2 + 0.01**2)
    contrast_structure = (2 * covariance + 0.03**2) / (variances + 0.03**2)
    return luminance[2:-2, 2:-2].mean(), contrast_structure[2:-2, 2:-2].mean()


@given(first=images, second=images)
@settings(deadline=None, max_examples=20)
def test_multi_scale_ssim_is_the_published_product(first, second):
    weights = np.array([0.0448, 0.2856, 0.3001]) / (0.0448 + 0.2856 + 0.3001)
    expected = 1.0
    for weight, factor in zip(weights, (1, 2, 4), strict=True):
        averaged = [downscale_local_mean(each.astype(float), factor) for each in (first, second)]
        luminance, contrast_structure = textbook_parts(*averaged)
        expected *= max(contrast_structure, 0) ** weight
    expected *= luminance**weight

    found = multiscale_ssim(
        structural_similarity_inside(first, second, WHOLE, factor=factor) for factor in (1, 2, 4)
    )

    assert found == pytest.approx(expected, abs=1e-5)


@given(first=images, second=images, mask=masks)
@settings(deadline=None, max_examples=20)
def test_multi_scale_ssim_is_symmetric_bounded_and_one_for_identity(first, second, mask):
    def measured(a, b):
        return multiscale_ssim(
            structural_similarity_inside(a, b, mask, factor=factor) for factor in (1, 2, 4)
        )

    assert measured(first, first) == pytest.approx(1, abs=1e-9)
    assert measured(first, second) == pytest.approx(measured(second, first), abs=1e-12)
    assert 0 <= measured(first, second) <= 1


def test_anticorrelated_detail_has_no_multi_scale_similarity():
    rng = np.random.default_rng(4)
    detail = 0.3 * rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    first, second = (np.clip(0.5 + sign * detail, 0, 1) for sign in (1, -1))

    scale = structural_similarity_inside(first, second, WHOLE)

    assert scale.contrast_structure < 0
    assert multiscale_ssim([scale]) == 0


@pytest.mark.parametrize(
    ("first", "second", "mask", "code"),
    [
        (TISSUE, TISSUE[:-1], np.ones(TISSUE.shape, bool), "shape_mismatch"),
        (TISSUE[:8], TISSUE[:8], np.ones((8, 256), bool), "too_small"),
        (TISSUE, TISSUE, np.zeros(TISSUE.shape, bool), "empty_mask"),
        (TISSUE, TISSUE * 255, np.ones(TISSUE.shape, bool), "out_of_range"),
        (TISSUE, TISSUE * np.nan, np.ones(TISSUE.shape, bool), "out_of_range"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, mask, code):
    with pytest.raises(ImagingError) as refusal:
        structural_similarity_inside(first, second, mask)

    assert refusal.value.code == code
