import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from analysis.imaging.frame import common_frame
from analysis.imaging.registration import register
from tests.phantoms import SPACING_MM, Lesion, phantom


def registered(prior, current):
    frame = common_frame(prior=prior, current=current)
    registration = register(
        prior=frame.prior,
        prior_mask=frame.prior_mask,
        current=frame.current,
        current_mask=frame.current_mask,
    )
    return frame, registration


@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize(
    "position",
    [
        {"shift_mm": (4.0, 3.0)},
        {"rotation_deg": 3.0},
        {"shift_mm": (-6.0, 2.0), "rotation_deg": -4.0},
    ],
    ids=["shifted", "rotated", "both"],
)
def test_a_moved_film_registers_back(prepared, view, position):
    prior, current = prepared(1, "L", view), prepared(1, "L", view, **position)

    frame, registration = registered(prior, current)

    quality = registration.quality
    assert quality.passed
    assert quality.reason is None
    assert quality.correlation > 0.9
    assert quality.dice > 0.97
    mask = frame.current_mask & registration.warp_mask(frame.prior_mask)
    before = np.abs(frame.prior - frame.current)[mask].mean()
    after = np.abs(registration.warp(frame.prior) - frame.current)[mask].mean()
    assert after < 0.3 * before


def test_the_displacement_is_the_shift_that_was_made(prepared):
    prior, current = prepared(1, "L", "MLO"), prepared(1, "L", "MLO", shift_mm=(0.0, 4.0))

    frame, registration = registered(prior, current)

    inner = frame.current_mask.copy()
    inner[:, :40] = inner[:, -60:] = False
    inner[:60] = inner[-60:] = False
    across = registration.displacement[..., 0][inner]
    assert np.median(across) == pytest.approx(-4.0 / 0.4, abs=0.5)


def test_a_grown_lesion_is_not_explained_away(prepared):
    """The field may not shrink a lesion back: area changes stay below 10 %."""
    prior = prepared(1, lesion=Lesion(diameter_mm=15))
    current = prepared(1, lesion=Lesion(diameter_mm=30))

    frame, registration = registered(prior, current)

    assert registration.quality.passed
    assert registration.quality.log_jacobian_sd < 0.1
    difference = frame.current - registration.warp(frame.prior)
    row = round((phantom(1).pixels.shape[0] / 2 * SPACING_MM + 5) / 0.4) - _top_row(prior)
    ring = _ring((row, round(45 / 0.4)), frame.current.shape, inner_mm=9, outer_mm=13)
    assert difference[ring].mean() > 0.15


def _top_row(breast):
    film = phantom(1)
    return round(np.flatnonzero(film.breast.any(axis=1))[0] * SPACING_MM / 0.4)


def _ring(centre, shape, *, inner_mm, outer_mm):
    rows, cols = np.indices(shape)
    radius_mm = np.hypot(rows - centre[0], cols - centre[1]) * 0.4
    return (radius_mm > inner_mm) & (radius_mm < outer_mm)


def test_another_womans_film_does_not_register(prepared):
    outcomes = [registered(prepared(seed), prepared(seed + 1))[1].quality for seed in (1, 3, 5, 7)]

    assert [quality.passed for quality in outcomes] == [False] * 4
    assert {quality.reason for quality in outcomes} <= {"poor_correlation", "poor_outline"}


def test_quality_is_reported_as_plain_figures(prepared):
    _, registration = registered(prepared(1), prepared(1, shift_mm=(1.0, 1.0)))

    figures = registration.quality.as_dict()

    assert figures["passed"] is True
    assert figures["reason"] is None
    assert {type(value) for key, value in figures.items() if key not in ("passed", "reason")} == {
        float
    }


def test_films_of_unlike_scale_share_a_frame(prepared):
    with_scale = prepared(1)
    film = phantom(1)
    without = prepare_breast(film.pixels, spacing_mm=None, laterality="L", view="CC")

    frame, registration = registered(without, with_scale)

    assert frame.prior.shape == frame.current.shape
    assert [side % 8 for side in frame.current.shape] == [0, 0]
    assert registration.quality.passed
    assert registration.quality.correlation > 0.9
