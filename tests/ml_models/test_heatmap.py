import numpy as np
import pytest

from ml_models.heatmap import heat_map

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
