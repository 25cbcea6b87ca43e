import json

import cv2
import numpy as np
import pytest

from analysis.imaging.comparison import CHANGE_ALGORITHM, compare_breasts
from analysis.imaging.figure import comparison_figure
from analysis.imaging.mark import Mark
from analysis.imaging.render import comparison_pictures
from tests.phantoms import SPACING_MM, Lesion, phantom

REGISTERED = {"aligned_prior.png", "ssim_map.png", "correspondence.f32"}
ALWAYS = {
    "prior.png",
    "current.png",
    "grayscale.png",
    "denoised.png",
    "edges.png",
    "threshold.png",
    "histogram.json",
}


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope="module", params=["L", "R"])
def pair(request, prepared):
    prior, current = prepared(1, request.param), prepared(1, request.param, shift_mm=(3, 2))
    return {
        "prior": prior,
        "current": current,
        "change": compare_breasts(prior=prior, current=current),
    }


@pytest.fixture(scope="module")
def refused(prepared):
    prior, current = prepared(1, "L"), prepared(1, "R")
    return {
        "prior": prior,
        "current": current,
        "change": compare_breasts(prior=prior, current=current),
    }


def test_a_registered_pair_has_all_pictures_in_one_shape(pair):
    pictures = comparison_pictures(**pair)

    assert set(pictures) == ALWAYS | REGISTERED
    shapes = {
        decoded(pictures[name]).shape[:2]
        for name in ("current.png", "aligned_prior.png", "ssim_map.png")
    }
    assert shapes == {pair["change"].mask.shape}
    assert len(json.loads(pictures["histogram.json"])["counts"]) == 256


def test_the_map_is_transparent_outside_the_assessed_breast(pair):
    overlay = decoded(comparison_pictures(**pair)["ssim_map.png"])

    assessed = pair["change"].mask
    if pair["current"].chest_wall == "right":
        assessed = assessed[:, ::-1]
    np.testing.assert_array_equal(overlay[..., 3], np.where(assessed, 255, 0))


def test_pictures_hang_as_the_current_film_does(pair):
    current = decoded(comparison_pictures(**pair)["current.png"])

    rows = slice(current.shape[0] // 3, 2 * current.shape[0] // 3)
    left, right = current[rows, :20].mean(), current[rows, -20:].mean()
    assert (left > right) == (pair["current"].laterality == "L")


def test_a_refused_pair_has_no_aligned_pictures(refused):
    assert set(comparison_pictures(**refused)) == ALWAYS


def test_the_figure_is_one_dark_page_with_a_panel_for_each_picture(pair, refused):
    whole, short = decoded(comparison_figure(**pair)), decoded(comparison_figure(**refused))

    assert whole.shape[0] == short.shape[0] == 948
    assert whole.shape[1] > 1.5 * short.shape[1]
    assert (whole[:5] == (20, 17, 15)).all()
    assert colourful(whole) > 0.02
    assert colourful(short) == 0


def colourful(page):
    """Share of pixels that are clearly not gray: only the map and its legend are."""
    return (np.ptp(page.astype(int), axis=-1) > 30).mean()


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_a_marked_lesion_is_outlined_on_both_films_and_sized_below(prepared, laterality):
    mass = Lesion(diameter_mm=20)
    films = {
        "prior": prepared(2, laterality, lesion=mass),
        "current": prepared(2, laterality, lesion=mass, shift_mm=(3, 2)),
    }
    rows, cols = np.nonzero(phantom(2, laterality, lesion=mass).lesion)
    mark = Mark(float(cols.mean()), float(rows.mean()), 10 / SPACING_MM)

    plain, marked = (
        decoded(
            comparison_figure(
                **films,
                change=compare_breasts(**films, algorithm=CHANGE_ALGORITHM, lesion=lesion),
            )
        )
        for lesion in (None, mark)
    )

    assert coloured(plain) == 0
    assert coloured(marked) > 150


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_the_mass_is_cut_out_in_the_middle_and_outlined_on_both_films(prepared, laterality):
    """One square picture a film, hung as the film is; the middle lies inside the outline."""
    mass = Lesion(diameter_mm=20)
    films = {
        "prior": prepared(2, laterality, lesion=mass),
        "current": prepared(2, laterality, lesion=mass, shift_mm=(3, 2)),
    }
    rows, cols = np.nonzero(phantom(2, laterality, lesion=mass).lesion)
    mark = Mark(float(cols.mean()), float(rows.mean()), 10 / SPACING_MM)

    pictures = comparison_pictures(**films, change=compare_breasts(**films, lesion=mark))

    assert set(pictures) == ALWAYS | REGISTERED | {"lesion_prior.png", "lesion_current.png"}
    for name in ("lesion_prior.png", "lesion_current.png"):
        picture = decoded(pictures[name])
        rows, cols = np.nonzero(orange(picture))
        assert picture.shape == (440, 440, 3)
        assert abs((rows.min() + rows.max()) / 2 - 220) < 30
        assert abs((cols.min() + cols.max()) / 2 - 220) < 30
        assert 180 < np.ptp(cols) < 280  # 20 mm, where 40 mm are shown


def orange(picture):
    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    return (red - blue > 60) & (green > blue)


def coloured(figure):
    """Pixels of the outline's orange: a gray film and the map's blues and yellows have none."""
    return int(orange(figure[: figure.shape[0] - 140, : figure.shape[1] // 2]).sum())
