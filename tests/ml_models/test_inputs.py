import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml_models.inputs import fit_to_canvas, squeeze_to_canvas

SIDES = st.integers(1, 400)


@given(rows=SIDES, cols=SIDES)
def test_any_crop_fits_and_touches_the_chest_wall(rows, cols):
    canvas = fit_to_canvas(np.ones((rows, cols), np.float32), (64, 36))
    assert canvas.shape == (64, 36)
    assert canvas.dtype == np.float32
    assert canvas[:, 0].max() > 0.99
    filled = canvas > 0
    assert filled.any(axis=1).all() or filled.any(axis=0).all()


def test_aspect_is_kept_and_the_rest_is_background():
    canvas = fit_to_canvas(np.ones((200, 50), np.float32), (64, 36))
    assert np.array_equal(canvas > 0, np.broadcast_to(np.arange(36) < 16, (64, 36)))


def test_squeeze_fills_the_square():
    square = squeeze_to_canvas(np.full((300, 100), 0.5, np.float32), (150, 150))
    assert square.shape == (150, 150)
    assert np.allclose(square, 0.5)
