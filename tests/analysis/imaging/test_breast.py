import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.imaging.breast import prepare_breast
from analysis.imaging.errors import ImagingError
from analysis.imaging.versions import PREPARATION_VERSION, SAME_PICTURES
from tests.phantoms import ROWS, SPACING_MM, Lesion, phantom

SIZE = (600, 500)


def prepare(pixels, **known):
    known = {"spacing_mm": None, "laterality": None, "view": None} | known
    return prepare_breast(np.asarray(pixels, np.float32), **known)


@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("laterality", ["L", "R"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_film_is_segmented_oriented_and_scaled(seed, laterality, view):
    film = phantom(seed, laterality, view)

    breast = prepare(film.pixels, spacing_mm=film.spacing_mm, laterality=laterality, view=view)

    assert breast.reasons == ()
    assert breast.assessable
    assert breast.chest_wall == ("left" if laterality == "L" else "right")
    assert not breast.side_conflict
    assert breast.spacing_mm == 0.4
    assert breast.mask[:, 0].mean() > 0.5
    truth_mm2 = film.breast.sum() * film.spacing_mm**2
    assert breast.mask.sum() * 0.4**2 == pytest.approx(truth_mm2, rel=0.05)


def test_the_mirrored_breast_is_prepared_to_the_same_picture():
    left, right = (
        prepare(film.pixels, spacing_mm=film.spacing_mm, laterality=film.laterality)
        for film in (phantom(4, "L", label=False), phantom(4, "R", label=False))
    )

    np.testing.assert_allclose(left.image, right.image, atol=0.02)


def test_the_film_label_is_not_in_the_picture():
    with_label, without = (phantom(5, label=label) for label in (True, False))

    breast = prepare(with_label.pixels, spacing_mm=with_label.spacing_mm)

    plain = prepare(without.pixels, spacing_mm=without.spacing_mm)
    assert breast.mask.sum() == pytest.approx(plain.mask.sum(), rel=0.01)
    assert breast.mask.shape[1] == pytest.approx(plain.mask.shape[1], abs=3)
    assert (breast.image[~breast.mask] == 0).all()


def test_a_picture_hung_against_its_laterality_is_recorded_not_refused():
    film = phantom(1, "L")

    breast = prepare(film.pixels, spacing_mm=film.spacing_mm, laterality="R")

    assert breast.side_conflict
    assert breast.assessable
    assert breast.chest_wall == "left"


def test_without_spacing_the_breast_is_450_px_high():
    breast = prepare(phantom(1).pixels)

    assert breast.spacing_mm is None
    assert breast.image.shape[0] == 450


def test_an_impossible_spacing_is_a_reason():
    breast = prepare(phantom(1).pixels, spacing_mm=3.0)

    assert breast.reasons == ("implausible_scale",)
    assert breast.spacing_mm is None


def test_the_pectoral_muscle_is_left_out_of_the_region_of_interest_on_mlo_only():
    film = phantom(2, "L", "MLO")
    oblique, frontal = (
        prepare(film.pixels, spacing_mm=film.spacing_mm, view=view) for view in ("MLO", "CC")
    )

    muscle = oblique.mask & ~oblique.roi
    assert 0.05 < muscle.sum() / oblique.mask.sum() < 0.4
    assert muscle[:10, :10].all()
    np.testing.assert_array_equal(frontal.roi, frontal.mask)


def test_the_crop_has_the_resolution_of_the_source():
    film = phantom(1, "R")

    breast = prepare(film.pixels, spacing_mm=film.spacing_mm)

    rows = np.flatnonzero(film.breast.any(axis=1))
    assert breast.crop.dtype == np.float32
    assert breast.crop.shape[0] == pytest.approx(rows[-1] - rows[0], abs=12)
    assert breast.crop[:, 0].mean() > 0.1
    assert breast.crop[0, -1] == 0


def test_8_and_16_bit_pixels_are_prepared_alike():
    film = phantom(6)
    shallow, deep = (np.round(film.pixels * levels) / np.float32(levels) for levels in (255, 65535))

    first, second = (prepare(each, spacing_mm=film.spacing_mm) for each in (shallow, deep))

    assert first.reasons == second.reasons == ()
    assert first.mask.sum() == pytest.approx(second.mask.sum(), rel=0.01)
    assert first.image[first.mask].mean() == pytest.approx(
        second.image[second.mask].mean(), abs=0.002
    )


def chest_film():
    down, across = np.indices(SIZE, np.float32) / np.array(SIZE, np.float32)[:, None, None]
    film = np.full(SIZE, 0.75, np.float32)
    for lung in (0.3, 0.7):
        film -= 0.5 * np.exp(-((((across - lung) / 0.14) ** 2 + ((down - 0.5) / 0.28) ** 2) ** 2))
    film[:, :15] = film[:, -15:] = 0.02
    return np.clip(film + 0.02 * np.random.default_rng(0).standard_normal(SIZE), 0, 1)


def half_disc(fill):
    down, across = np.indices(SIZE)
    return np.where(np.hypot(across, down - SIZE[0] / 2) < 240, fill, 0)


def ramp():
    return np.tile(np.linspace(0, 1, SIZE[1], dtype=np.float32), (SIZE[0], 1))


def page_of_text():
    page = np.ones((1100, 800), np.uint8) * 255
    for line in range(24):
        cv2.putText(
            page, "Report: no findings. Follow-up in 12 months.", (40, 60 + 42 * line), 0, 0.9, 0, 2
        )
    return page / np.float32(255)


def wax_block():
    """An accreditation phantom: a wax block with fibres, specks and discs."""
    block = np.zeros(SIZE, np.float32)
    block[100:500, :400] = 0.6
    for number in range(12):
        row, col = 160 + 90 * (number // 3), 80 + 110 * (number % 3)
        cv2.circle(block, (col, row), 6 + 2 * number, 0.8, -1)
    return np.clip(block + 0.01 * np.random.default_rng(1).standard_normal(SIZE), 0, 1)


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros(SIZE), "blank"),
        (np.full(SIZE, 0.5), "blank"),
        (np.ones(SIZE), "blank"),
        (NOISE.random(SIZE), "no_breast"),
        (half_disc(NOISE.random(SIZE)), "not_a_mammogram"),
        (half_disc(np.full(SIZE, 0.6)), "low_contrast"),
        (ramp(), "not_a_mammogram"),
        (ramp().T[: SIZE[1]], "not_a_mammogram"),
        (chest_film(), "not_a_mammogram"),
        (1 - phantom(1).pixels, "not_a_mammogram"),
        (np.clip(phantom(1).pixels * 9, 0, 1), "saturated"),
        (phantom(1).pixels[:, :200], "cut"),
        (cv2.GaussianBlur(phantom(1).pixels, (0, 0), 1.5 / SPACING_MM), "blurred"),
        (page_of_text(), "not_a_mammogram"),
        (wax_block(), "not_a_mammogram"),
    ],
    ids=lambda value: value if isinstance(value, str) else "picture",
)
def test_what_cannot_be_measured_says_why(pixels, reason):
    breast = prepare(pixels)

    assert reason in breast.reasons
    assert not breast.assessable


@settings(deadline=None, max_examples=15)
@given(
    shape=st.tuples(st.integers(64, 900), st.integers(64, 900)),
    seed=st.integers(0, 2**16),
    coarseness=st.sampled_from([0, 3, 30]),
    power=st.floats(0.2, 8),
)
def test_random_pictures_never_raise_and_are_never_assessable(shape, seed, coarseness, power):
    pixels = np.random.default_rng(seed).random(shape).astype(np.float32)
    if coarseness:
        pixels = cv2.GaussianBlur(pixels, (0, 0), coarseness)
    pixels = np.clip((pixels - pixels.min()) / (pixels.max() - pixels.min()), 0, 1) ** power

    breast = prepare(pixels)

    assert not breast.assessable
    assert breast.image.shape == breast.mask.shape == breast.roi.shape
    assert np.isfinite(breast.image).all()


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.zeros((300, 300, 3), np.float32), "not_an_image"),
        (np.zeros((300, 300), np.float64), "not_an_image"),
        (np.zeros((300, 20), np.float32), "too_small"),
        (np.full((300, 300), np.nan, np.float32), "not_finite"),
        (np.full((300, 300), 255, np.float32), "out_of_range"),
        (np.broadcast_to(np.float32(0), (10_000, 10_000)), "too_large"),
    ],
)
def test_wrong_arrays_are_refused(pixels, code):
    with pytest.raises(ImagingError) as refusal:
        prepare_breast(pixels, spacing_mm=None, laterality=None, view=None)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({"spacing_mm": 0.0}, "bad_spacing"),
        ({"spacing_mm": float("nan")}, "bad_spacing"),
        ({"laterality": "LEFT"}, "bad_laterality"),
    ],
)
def test_impossible_arguments_are_refused(known, code):
    with pytest.raises(ImagingError) as refusal:
        prepare(phantom(1).pixels, **known)

    assert refusal.value.code == code


def test_a_lesion_stays_in_the_picture():
    film = phantom(1, lesion=Lesion(diameter_mm=20))

    breast = prepare(film.pixels, spacing_mm=film.spacing_mm)

    rows, cols = np.nonzero(film.lesion)
    top = np.flatnonzero(film.breast.any(axis=1))[0]
    scale = film.spacing_mm / 0.4
    at = round((rows.mean() - top) * scale), round(cols.mean() * scale)
    assert film.pixels.shape[0] == ROWS
    assert breast.image[at] == pytest.approx(film.pixels[film.lesion].mean(), abs=0.1)


def test_the_picture_is_that_of_the_versions_that_claim_it():
    """A preparation that makes another picture is not among ``SAME_PICTURES``."""
    film = phantom(3, "R", "MLO")

    breast = prepare(film.pixels, spacing_mm=film.spacing_mm, laterality="R", view="MLO")

    assert (PREPARATION_VERSION, SAME_PICTURES) == ("prepare-2", ("prepare-1", "prepare-2"))
    assert breast.image.shape == (449, 226)
    assert breast.mask.sum() == pytest.approx(69_058, abs=5)
    assert breast.roi.sum() == pytest.approx(51_224, abs=5)
    assert breast.image.mean() == pytest.approx(0.285130, abs=1e-4)
    assert breast.image.std() == pytest.approx(0.254141, abs=1e-4)
