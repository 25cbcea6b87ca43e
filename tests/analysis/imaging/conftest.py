"""Films prepared from phantoms, as the analysis prepares real ones."""

from collections.abc import Callable

import numpy as np
import pytest

from analysis.imaging.breast import PreparedBreast, prepare_breast
from tests.phantoms import Phantom, phantom


def prepare(film: Phantom) -> PreparedBreast:
    return prepare_breast(
        film.pixels, spacing_mm=film.spacing_mm, laterality=film.laterality, view=film.view
    )


@pytest.fixture(scope="session")
def prepared() -> Callable[..., PreparedBreast]:
    """Draw a phantom and prepare it: ``prepared(seed, laterality, view, **changes)``."""
    return lambda *args, **changes: prepare(phantom(*args, **changes))


@pytest.fixture(scope="session")
def tissue() -> np.ndarray:
    """One square of phantom tissue without background, float32 in [0, 1]."""
    return phantom(3, label=False).pixels[240:496, 20:276].copy()
