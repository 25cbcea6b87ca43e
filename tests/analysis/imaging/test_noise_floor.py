import numpy as np
import pytest

from analysis.imaging.mark import Mark
from analysis.imaging.noise_floor import ring_z, robust_z

EVERYWHERE = np.ones((120, 100), bool)


def test_deviations_are_counted_in_robust_spreads():
    image = np.arange(101, dtype=np.float32).reshape(1, -1)
    image[0, 100] = 1e6

    z = robust_z(image, np.ones_like(image, bool))

    assert z[0, 50] == 0
    assert z[0, 75] == pytest.approx(25 / (1.4826 * 25))


def test_a_planted_disc_stands_out_and_its_surroundings_do_not():
    rng = np.random.default_rng(1)
    image = rng.standard_normal(EVERYWHERE.shape).astype(np.float32)
    mark = Mark(50, 60, 8)
    image[mark.covers(image.shape)] += 1

    assert ring_z(image, EVERYWHERE, mark) > 8
    assert abs(ring_z(image, EVERYWHERE, mark, inner=1.2, outer=1.5)) < 3
    assert ring_z(-image, EVERYWHERE, mark) == pytest.approx(-ring_z(image, EVERYWHERE, mark))


def test_where_nothing_changed_the_floor_is_a_standard_normal():
    rng = np.random.default_rng(2)
    image = rng.standard_normal((200, 200)).astype(np.float32)
    everywhere = np.ones(image.shape, bool)

    z = [
        ring_z(image, everywhere, Mark(x, y, 4))
        for x in range(20, 181, 20)
        for y in range(20, 181, 20)
    ]

    assert np.std(z) == pytest.approx(1, abs=0.2)
    assert np.mean(z) == pytest.approx(0, abs=0.25)


def test_what_lies_outside_the_breast_does_not_count():
    rng = np.random.default_rng(3)
    image = rng.standard_normal(EVERYWHERE.shape).astype(np.float32)
    assessed = EVERYWHERE.copy()
    assessed[:, :30] = False
    spoilt = np.where(assessed, image, 1e3).astype(np.float32)
    mark = Mark(60, 60, 6)

    assert ring_z(spoilt, assessed, mark) == ring_z(image, assessed, mark)
