import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.imaging.breast import prepare_breast
from analysis.imaging.errors import ImagingError
from analysis.imaging.mark import GridPlacement, Mark, grid_placement
from tests.phantoms import SPACING_MM, Lesion, phantom

PLACES = st.floats(-50, 2000)


@given(
    x=PLACES,
    y=PLACES,
    radius=st.floats(1, 200),
    scale=st.floats(0.1, 3),
    mirrored=st.booleans(),
)
def test_a_mark_comes_back_from_the_grid(x, y, radius, scale, mirrored):
    placement = GridPlacement(top=12, left=30, right=900, scale=scale, mirrored=mirrored)

    there_and_back = placement.to_source(placement.to_grid(Mark(x, y, radius)))

    np.testing.assert_allclose(
        [there_and_back.x, there_and_back.y, there_and_back.radius], [x, y, radius], atol=1e-6
    )


def test_a_mark_covers_the_pixels_whose_centres_it_holds():
    covered = Mark(x=2, y=1, radius=1).covers((4, 5))

    assert np.argwhere(covered).tolist() == [[0, 2], [1, 1], [1, 2], [1, 3], [2, 2]]


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_a_mark_on_the_film_lies_on_the_lesion_of_the_working_grid(laterality):
    film = phantom(1, laterality, lesion=Lesion(diameter_mm=20))
    rows, cols = np.nonzero(film.lesion)
    bright = np.where(film.lesion, np.float32(0.98), film.pixels)
    breast = prepare_breast(bright, spacing_mm=SPACING_MM, laterality=laterality, view="CC")

    mark = grid_placement(breast).to_grid(Mark(cols.mean(), rows.mean(), 10 / SPACING_MM))

    found_rows, found_cols = np.nonzero(breast.image > 0.95)
    assert mark.x == pytest.approx(found_cols.mean(), abs=0.6)
    assert mark.y == pytest.approx(found_rows.mean(), abs=0.6)
    assert mark.radius == pytest.approx(10 / 0.4, rel=0.01)


def test_a_picture_without_a_breast_has_no_grid_to_mark():
    blank = prepare_breast(
        np.zeros((400, 300), np.float32), spacing_mm=None, laterality="L", view="CC"
    )

    with pytest.raises(ImagingError) as refusal:
        grid_placement(blank)

    assert refusal.value.code == "no_breast"
