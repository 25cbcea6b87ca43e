"""The disc of a marked lesion, from the film to the grid that the evidence map lies on."""

import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from benchmarks.heat_on_lesions import Pointed, disc_on_grid, report
from ml_models.lesions import Lesion
from tests.phantoms import SPACING_MM, phantom


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_disc_lies_where_the_picture_shows_what_it_was_drawn_round(side):
    film = phantom(3).pixels.copy()
    rows, cols = np.indices(film.shape)
    y, x, radius = 0.45 * film.shape[0], 0.2 * film.shape[1], 0.06 * film.shape[0]
    film[np.hypot(rows - y, cols - x) <= radius] = 1
    if side == "R":
        film, x = np.ascontiguousarray(film[:, ::-1]), film.shape[1] - 1 - x
    prepared = prepare_breast(film, spacing_mm=SPACING_MM, laterality=side, view="CC")

    disc = disc_on_grid(Lesion(x=x, y=y, radius=radius, malignant=True), prepared)

    bright = prepared.image > 0.98
    assert prepared.chest_wall == ("left" if side == "L" else "right")
    assert (disc & bright).sum() / (disc | bright).sum() > 0.9


def test_heat_counts_by_film_and_its_gain_over_an_even_map():
    films = [Pointed("a", 0.3, 0.1, True), Pointed("b", 0.1, 0.1, False)]
    line = report("all", films)
    assert line.startswith("all")
    assert [f"{value}" in line for value in ("0.200 (", "0.100 (", "0.500 (", "2.00 (")] == [
        True
    ] * 4
