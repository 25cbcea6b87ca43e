from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from analysis.imaging.decode import load_pixels
from ml_models.classifier import Classifier
from ml_models.heatmap import heat_map

PICTURE = Path(__file__).parents[2] / "analysis/demo/pictures/cdd275-L-CC.png"

SHAPE = (256, 160)
GRID = (8, 5)


@pytest.fixture
def cells_of_breast(breast):
    """Which cells of the network's grid hold any breast."""
    from ml_models.inputs import fit_to_canvas

    covered = fit_to_canvas(breast.mask.astype(np.float32), SHAPE)
    return covered.reshape(8, 32, 5, 32).max(axis=(1, 3)) > 0


def test_heat_lies_where_the_cell_is(breast):
    signed = np.full(GRID, -1.0, np.float32)
    signed[4, 1] = 3.0

    found = heat_map(signed, breast, SHAPE)

    assert found.heat.shape == breast.image.shape
    assert found.heat.dtype == np.float32
    assert found.heat.min() == 0
    assert found.heat.max() == pytest.approx(1, abs=0.05)
    row, col = np.unravel_index(found.heat.argmax(), found.heat.shape)
    scale = SHAPE[0] / breast.image.shape[0]
    assert (row * scale, col * scale) == pytest.approx((4.5 * 32, 1.5 * 32), abs=8)
    assert found.outside_share == 0
    assert found.plausible


def test_share_beside_the_breast_is_the_share_of_its_cells(breast, cells_of_breast):
    assert 0 < cells_of_breast.sum() < cells_of_breast.size
    beside = tuple(np.argwhere(~cells_of_breast)[0])
    signed = np.where(cells_of_breast, 4.0, 0.0).astype(np.float32)

    def with_heat_beside(share):
        signed[beside] = 4 * cells_of_breast.sum() * share / (1 - share)
        return heat_map(signed, breast, SHAPE)

    assert with_heat_beside(0.19).outside_share == pytest.approx(0.19)
    assert with_heat_beside(0.19).plausible
    assert not with_heat_beside(0.21).plausible


def test_nothing_for_suspicion_is_no_heat(breast):
    found = heat_map(np.full(GRID, -2.0, np.float32), breast, SHAPE)
    assert not found.heat.any()
    assert found.outside_share == 0


@pytest.mark.parametrize("place", [(0.35, 0.35), (0.65, 0.5)])
def test_heat_moves_to_an_inserted_lesion(place):
    """The shipped network on a real mammogram, without and with a mass drawn into it."""
    film = load_pixels(PICTURE)
    before = prepare(film)
    rows, cols = before.box
    centre = (
        rows.start + place[0] * (rows.stop - rows.start),
        cols.start + place[1] * (cols.stop - cols.start),
    )
    after = prepare(with_mass(film, centre, radius=0.035 * film.shape[0]))
    down, across = (int(p * side) for p, side in zip(place, before.image.shape, strict=True))
    near = np.zeros(before.image.shape, bool)
    reach = before.image.shape[0] // 10
    near[down - reach : down + reach, max(across - reach, 0) : across + reach] = True
    classifier = Classifier.load()

    shares = [share_of_heat(classifier.explain(each), near) for each in (before, after)]

    assert shares[1] > shares[0] + 0.1


def prepare(film):
    return prepare_breast(film, spacing_mm=None, laterality="L", view="CC")


def with_mass(film, centre, *, radius):
    """Add a bright mass with spicules."""
    down, across = (np.indices(film.shape).T - centre).T
    angle, distance = np.arctan2(down, across), np.hypot(down, across)
    outline = radius * (1 + 0.25 * np.sin(9 * angle) + 0.15 * np.sin(17 * angle))
    mass = 1 / (1 + np.exp(np.clip((distance - outline) / (0.08 * radius), -30, 30)))
    return np.clip(film + 0.45 * mass, 0, 1).astype(np.float32)


def share_of_heat(explained, near):
    heat = explained.heat_map.heat
    heat = cv2.resize(heat, near.shape[::-1])
    return heat[near].sum() / heat.sum()
