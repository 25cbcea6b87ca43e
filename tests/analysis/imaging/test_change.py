import dataclasses
import json

import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from analysis.imaging.comparison import CHANGE_ALGORITHM, SSIM_ALGORITHM, compare_breasts
from analysis.imaging.errors import ImagingError
from analysis.imaging.mark import Mark
from tests.phantoms import SPACING_MM, Lesion, phantom

MOVED = {"shift_mm": (4.8, 3.0), "rotation_deg": 1.5}


def film(laterality="L", *, diameter_mm=0, **position):
    return phantom(
        2,
        laterality,
        lesion=Lesion(diameter_mm=diameter_mm) if diameter_mm else None,
        **position,
    )


def prepared(drawn, *, spacing_mm=SPACING_MM):
    return prepare_breast(
        drawn.pixels, spacing_mm=spacing_mm, laterality=drawn.laterality, view=drawn.view
    )


def mark_of(drawn, diameter_mm):
    rows, cols = np.nonzero(drawn.lesion)
    return Mark(float(cols.mean()), float(rows.mean()), diameter_mm / 2 / SPACING_MM)


def compared(before_mm, after_mm, laterality="L", **kwargs):
    prior, current = (
        film(laterality, diameter_mm=before_mm),
        film(laterality, diameter_mm=after_mm, **MOVED),
    )
    change = compare_breasts(
        prior=prepared(prior, **kwargs),
        current=prepared(current, **kwargs),
        algorithm=CHANGE_ALGORITHM,
        lesion=mark_of(prior, before_mm),
    )
    return change, current


@pytest.mark.parametrize("laterality", ["L", "R"])
@pytest.mark.parametrize(
    ("before_mm", "after_mm", "verdict"),
    [
        (20, 20, "no_detectable_change"),
        (20, 10, "regression"),
        (15, 28, "progression"),
    ],
    ids=["stable", "shrunk", "grown"],
)
def test_a_marked_mass_is_followed_and_sized(laterality, before_mm, after_mm, verdict):
    change, current = compared(before_mm, after_mm, laterality)

    assert change.verdict == verdict
    lesion = change.lesion
    assert lesion.still_visible
    assert lesion.prior_mm == pytest.approx(before_mm, abs=3)
    assert lesion.current_mm == pytest.approx(after_mm, abs=3)
    low, high = lesion.size_ratio_range
    assert low <= lesion.size_ratio <= high
    rows, cols = np.nonzero(current.lesion)
    away_px = np.hypot(lesion.current_mark.x - cols.mean(), lesion.current_mark.y - rows.mean())
    assert away_px * SPACING_MM < 5


def test_a_mass_that_is_gone_has_no_size():
    in_fat = Lesion(diameter_mm=25, depth_mm=30, below_middle_mm=-40)
    prior, current = phantom(2, lesion=in_fat), film(**MOVED)

    change = compare_breasts(
        prior=prepared(prior),
        current=prepared(current),
        algorithm=CHANGE_ALGORITHM,
        lesion=mark_of(prior, 25),
    )

    assert change.verdict == "regression"
    assert change.lesion.prior_mm == pytest.approx(25, abs=3)
    assert not change.lesion.still_visible
    assert (change.lesion.current_mm, change.lesion.size_ratio) == (None, None)
    assert not change.lesion.current_outline.any()


def test_without_a_scale_there_are_ratios_and_no_millimetres():
    change, _ = compared(20, 10, spacing_mm=None)

    assert (change.lesion.prior_mm, change.lesion.current_mm) == (None, None)
    assert change.lesion.size_ratio < 0.75


def test_the_result_is_plain_json_with_its_interval():
    change, _ = compared(20, 10)

    figures = json.loads(json.dumps(change.as_dict()))

    low, high = figures["change_interval"]
    assert low <= figures["change_probability"] <= high
    assert set(figures["lesion"]["current_mark"]) == {"x", "y", "radius"}
    assert figures["lesion"]["size_ratio"] == change.lesion.size_ratio


def test_a_new_mass_draws_attention_and_no_direction():
    current = film(diameter_mm=20, **MOVED)

    change = compare_breasts(
        prior=prepared(film()), current=prepared(current), algorithm=CHANGE_ALGORITHM
    )

    first = change.attention[0]
    rows, cols = np.nonzero(current.lesion)
    assert first.gain
    assert np.hypot(first.mark.x - cols.mean(), first.mark.y - rows.mean()) * SPACING_MM < 8
    assert change.direction in ("none", "indeterminate")
    assert change.lesion is None


def test_a_breast_that_is_only_re_positioned_has_not_changed():
    change = compare_breasts(
        prior=prepared(film()), current=prepared(film(**MOVED)), algorithm=CHANGE_ALGORITHM
    )

    assert (change.verdict, change.direction) == ("no_detectable_change", "none")
    assert change.change_probability < 0.2


def test_a_breast_that_lost_density_everywhere_has_not_responded():
    prior, current = film(diameter_mm=20), film(diameter_mm=20, **MOVED)
    paler = dataclasses.replace(current, pixels=0.75 * current.pixels)

    change = compare_breasts(
        prior=prepared(prior), current=prepared(paler), lesion=mark_of(prior, 20)
    )

    assert change.verdict == "no_detectable_change"
    assert change.lesion.still_visible


@pytest.mark.parametrize(
    ("lesion", "algorithm", "code"),
    [
        (Mark(600, 20, 20), CHANGE_ALGORITHM, "mark_outside_breast"),
        (Mark(180, 400, 0), CHANGE_ALGORITHM, "mark_outside_breast"),
        (Mark(180, 400, 20), SSIM_ALGORITHM, "mark_not_supported"),
    ],
    ids=["background", "no-size", "other-algorithm"],
)
def test_a_mark_that_cannot_be_measured_is_refused(lesion, algorithm, code):
    with pytest.raises(ImagingError) as refusal:
        compare_breasts(
            prior=prepared(film()),
            current=prepared(film(**MOVED)),
            algorithm=algorithm,
            lesion=lesion,
        )

    assert refusal.value.code == code
