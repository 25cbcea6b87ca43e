"""Pictures that are no mammogram: drawn from a seed, or scikit-image's freely licensed samples."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.color import rgb2gray

from analysis.imaging.decode import load_pixels

Picture = NDArray[np.float32]
SIZE = 800, 640
MAMMOGRAM = Path(__file__).parents[1] / "analysis/demo/pictures/cdd275-L-CC.png"


def blank() -> Picture:
    return np.full(SIZE, 0.2, np.float32)


def noise() -> Picture:
    return np.random.default_rng(1).random(SIZE, dtype=np.float32)


def chest_film() -> Picture:
    """A frontal chest: bright shoulders, spine and diaphragm, two dark lungs crossed by ribs."""
    down, across = _grid()
    lungs = np.maximum(
        _ellipse(down, across, (-0.05, -0.42), (0.62, 0.27)),
        _ellipse(down, across, (-0.05, 0.42), (0.62, 0.27)),
    )
    body = _ellipse(down, across, (0.1, 0.0), (1.2, 0.92))
    ribs = 0.5 + 0.5 * np.sin(24 * down + 5 * across**2)
    film = body * (0.75 - lungs * (0.55 - 0.16 * ribs)) + 0.15 * body * (abs(across) < 0.1)
    return _film(film, seed=2)


def ultrasound() -> Picture:
    """A sector of speckle that grows darker with depth, on black, with a caption."""
    rng = np.random.default_rng(3)
    down, across = _grid()
    depth = np.hypot(down + 1.2, across)
    sector = (abs(np.arctan2(across, down + 1.2)) < 0.6) & (depth > 0.35) & (depth < 2.1)
    speckle = cv2.GaussianBlur(rng.rayleigh(0.35, SIZE).astype(np.float32), (0, 0), 1.5)
    cyst = _ellipse(down, across, (0.05, 0.1), (0.2, 0.16))
    film = sector * speckle * np.exp(-0.5 * depth) * (1 - 0.9 * cyst)
    return _captioned(np.clip(film, 0, 1).astype(np.float32), "TIS 0.4  MI 1.1")


def knee() -> Picture:
    """Two long bones end to end in a soft-tissue shadow: another organ on a dark background."""
    down, across = _grid()
    leg = (abs(across) < 0.42 + 0.06 * np.cos(3 * down)).astype(np.float32)
    shaft = (abs(across) < 0.16 + 0.14 * np.exp(-((abs(down) - 0.08) ** 2) / 0.02)) & (
        abs(down) > 0.03
    )
    return _film(0.3 * leg + 0.45 * shaft, seed=4)


def hand() -> Picture:
    """A palm and five fingers."""
    down, across = _grid()
    shape = _ellipse(down, across, (0.55, 0.0), (0.42, 0.45))
    for place, tilt, length in (
        (-0.5, -0.35, 0.5),
        (-0.28, -0.12, 0.9),
        (0, 0, 1),
        (0.26, 0.12, 0.9),
    ):
        axis = across - place - tilt * (0.4 - down)
        shape = np.maximum(shape, (abs(axis) < 0.075) & (down < 0.5) & (down > 0.4 - length))
    return _film(0.55 * shape, seed=5)


def negative() -> Picture:
    """A mammogram with black and white exchanged."""
    return (1 - load_pixels(MAMMOGRAM)).astype(np.float32)


def on_its_side() -> Picture:
    """A mammogram turned by a quarter: the chest wall lies at the top."""
    return np.ascontiguousarray(np.rot90(load_pixels(MAMMOGRAM)))


def text_page() -> Picture:
    return _enlarged(data.page())


def written_letter() -> Picture:
    """White letters on black, line by line."""
    page = np.zeros(SIZE, np.float32)
    for line in range(24):
        page = _captioned(page, f"Dear colleague, line {line}", at=(20, 40 + 31 * line))
    return page


def cat() -> Picture:
    return _enlarged(rgb2gray(data.chelsea()))


def portrait() -> Picture:
    return _enlarged(rgb2gray(data.astronaut()))


def photographer() -> Picture:
    return _enlarged(data.camera())


def coins() -> Picture:
    return _enlarged(data.coins())


def moon() -> Picture:
    return _enlarged(data.moon())


def eye_ground() -> Picture:
    return _enlarged(rgb2gray(data.retina()))


def histology() -> Picture:
    return _enlarged(rgb2gray(data.immunohistochemistry()))


def head_slice() -> Picture:
    return _enlarged(data.shepp_logan_phantom())


def grass() -> Picture:
    return _enlarged(data.grass())


def cat_in_a_breast() -> Picture:
    return _in_a_breast(rgb2gray(data.chelsea()))


def grass_in_a_breast() -> Picture:
    return _in_a_breast(data.grass())


def gravel_in_a_breast() -> Picture:
    return _in_a_breast(data.gravel())


def text_in_a_breast() -> Picture:
    return _in_a_breast(data.page())


def retina_in_a_breast() -> Picture:
    return _in_a_breast(rgb2gray(data.retina()))


def moon_in_a_breast() -> Picture:
    return _in_a_breast(data.moon())


PICTURES: dict[str, Callable[[], Picture]] = {
    each.__name__: each
    for each in (
        blank,
        noise,
        chest_film,
        ultrasound,
        knee,
        hand,
        negative,
        on_its_side,
        text_page,
        written_letter,
        cat,
        portrait,
        photographer,
        coins,
        moon,
        eye_ground,
        histology,
        head_slice,
        grass,
        cat_in_a_breast,
        grass_in_a_breast,
        gravel_in_a_breast,
        text_in_a_breast,
        retina_in_a_breast,
        moon_in_a_breast,
    )
}


def _grid() -> tuple[Picture, Picture]:
    """Return down and across in [-1, 1]."""
    rows, cols = np.indices(SIZE, np.float32)
    return 2 * rows / (SIZE[0] - 1) - 1, 2 * cols / (SIZE[1] - 1) - 1


def _ellipse(
    down: Picture, across: Picture, centre: tuple[float, float], radii: tuple[float, float]
) -> Picture:
    """Return 1 inside and 0 outside, with a soft border."""
    radius = np.hypot((down - centre[0]) / radii[0], (across - centre[1]) / radii[1])
    return np.clip((1 - radius) / 0.06, 0, 1).astype(np.float32)


def _film(picture: Picture, *, seed: int) -> Picture:
    """Blur and add the grain of a film."""
    grain = 0.02 * np.random.default_rng(seed).standard_normal(SIZE)
    blurred = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 3.0)
    return np.clip(blurred + grain + 0.02, 0, 1).astype(np.float32)


def _captioned(picture: Picture, text: str, at: tuple[int, int] = (20, 40)) -> Picture:
    ink = cv2.putText(np.zeros(SIZE, np.uint8), text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 230, 2)
    return np.maximum(picture, ink.astype(np.float32) / 255)


def _in_a_breast(sample: NDArray[np.generic]) -> Picture:
    """Return a sample seen through the outline of a breast: shape and background are right."""
    down, across = _grid()
    breast = _ellipse(down, across, (0.0, -1.0), (0.75, 1.4)) > 0.5
    seen = cv2.resize(_enlarged(sample), SIZE[::-1])
    return np.where(breast, 0.15 + 0.8 * seen, 0.01).astype(np.float32)


def _enlarged(sample: NDArray[np.generic]) -> Picture:
    """Return a sample as float32 in [0, 1], 800 rows high."""
    picture = np.asarray(sample, np.float32)
    picture = picture / (255 if picture.max() > 1 else 1)
    scale = SIZE[0] / picture.shape[0]
    return np.clip(cv2.resize(picture, None, fx=scale, fy=scale), 0, 1)
