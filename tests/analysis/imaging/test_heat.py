import numpy as np
import pytest

from analysis.imaging.heat import heat_overlay


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_heat_lies_over_the_place_it_was_found_at(prepared, laterality):
    breast = prepared(1, laterality)
    heat = np.zeros(breast.image.shape, np.float32)
    row, col = 200, 100  # chest wall at the left
    heat[row - 4 : row + 5, col - 4 : col + 5] = 1

    overlay = heat_overlay(breast, heat)

    assert overlay.shape == (800, 640, 4)
    alpha = overlay[..., 3].astype(float)
    down, across = (np.indices(alpha.shape) * alpha).sum(axis=(1, 2)) / alpha.sum()
    rows, cols = breast.box
    scale = (rows.stop - rows.start) / breast.image.shape[0]
    expected = cols.start + col * scale if laterality == "L" else cols.stop - col * scale
    assert (down, across) == pytest.approx((rows.start + row * scale, expected), abs=2)
