import cv2
import numpy as np
import pytest

from analysis.imaging.decode import load_pixels
from analysis.imaging.errors import ImagingError
from tests.phantoms import phantom

GRAY_8 = np.round(phantom(1).pixels * 255).astype(np.uint8)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_pixels_are_shares_of_the_full_scale(tmp_path, depth):
    full_scale = np.iinfo(depth).max
    cv2.imwrite(str(tmp_path / "pixels.png"), np.array([[0, 200, full_scale]], depth))

    pixels = load_pixels(tmp_path / "pixels.png")

    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, [[0, 200 / full_scale, 1]], rtol=1e-6)


def test_8_and_16_bit_files_of_one_film_give_the_same_pixels(tmp_path):
    cv2.imwrite(str(tmp_path / "8.png"), GRAY_8)
    cv2.imwrite(str(tmp_path / "16.png"), GRAY_8.astype(np.uint16) * 257)

    shallow, deep = load_pixels(tmp_path / "8.png"), load_pixels(tmp_path / "16.png")

    np.testing.assert_allclose(shallow, deep, atol=1e-6)


def test_a_colour_file_of_gray_values_is_read_as_gray(tmp_path):
    cv2.imwrite(str(tmp_path / "colour.png"), np.dstack([GRAY_8] * 3))

    np.testing.assert_allclose(
        load_pixels(tmp_path / "colour.png"), GRAY_8 / np.float32(255), atol=1e-6
    )


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    (tmp_path / "pixels.png").write_text("no picture")

    with pytest.raises(ImagingError) as refusal:
        load_pixels(tmp_path / "pixels.png")

    assert refusal.value.code == "unreadable"
