import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.imaging import versions
from analysis.imaging.breast import prepare_breast
from analysis.imaging.calibration import Calibration, load_calibration
from analysis.imaging.change_rules import load_change_rules
from analysis.imaging.comparison import (
    ALGORITHMS,
    BASELINE_ALGORITHM,
    DEFAULT_ALGORITHM,
    MEASUREMENTS,
    SSIM_ALGORITHM,
    ChangeMeasurement,
    compare_breasts,
)
from analysis.imaging.errors import ImagingError
from tests.phantoms import Lesion, phantom

MOVED = {"shift_mm": (4.8, 3.0)}
TURNED = {"rotation_deg": 2.0}


@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("position", [MOVED, TURNED], ids=["12 px", "2 degrees"])
def test_positioning_lowers_the_published_score_and_not_ours(prepared, view, position):
    change = compare_breasts(
        prior=prepared(1, "R", view), current=prepared(1, "R", view, **position)
    )

    assert change.comparable
    assert change.ssim >= 0.97
    assert change.ssim_baseline < 0.93
    assert (change.verdict, change.direction) == ("no_detectable_change", "none")


@pytest.mark.parametrize("position", [{}, MOVED, TURNED], ids=["still", "moved", "turned"])
def test_a_new_mass_survives_registration_and_is_where_the_map_is_low(prepared, position):
    lesion = Lesion(diameter_mm=30)
    current = prepared(1, lesion=lesion, **position)

    change = compare_breasts(prior=prepared(1), current=current)

    without = compare_breasts(prior=prepared(1), current=prepared(1, **MOVED))
    assert change.ssim < without.ssim - 0.05
    mass = lesion_on_working_grid(phantom(1, lesion=lesion, **position), change.mask.shape)
    inside, outside = change.ssim_map[change.mask & mass], change.ssim_map[change.mask & ~mass]
    assert inside.mean() < outside.mean() - 0.1


def lesion_on_working_grid(film, shape):
    breast = prepare_breast(
        np.where(film.lesion, np.float32(0.9), film.pixels),
        spacing_mm=film.spacing_mm,
        laterality="L",
        view="CC",
    )
    marked = np.zeros(shape, bool)
    marked[: breast.image.shape[0], : breast.image.shape[1]] = breast.image > 0.88
    return marked


def test_the_result_holds_its_figures_and_pictures(prepared):
    change = compare_breasts(prior=prepared(2), current=prepared(2, **MOVED))

    assert change.algorithm_version == DEFAULT_ALGORITHM
    assert change.ssim == change.ssim_by_scale_mm["3.2"]
    assert list(change.ssim_by_scale_mm) == ["0.4", "0.8", "1.6", "3.2"]
    assert 0.9 < change.multiscale_ssim == change.as_dict()["multiscale_ssim"] < 1
    assert 0 < change.change_probability < load_change_rules().unmarked_threshold
    assert min(change.luminance, change.contrast, change.structure) >= change.ssim - 0.05
    shape = change.current_image.shape
    assert change.aligned_prior.shape == change.ssim_map.shape == change.mask.shape == shape
    assert (change.ssim_map[~change.mask] == 0).all()
    assert np.abs(change.ssim_map).max() <= 1


def test_exposure_does_not_count_as_change(prepared):
    film = phantom(2, **MOVED)
    darker = prepare_breast(
        0.8 * film.pixels**1.2, spacing_mm=film.spacing_mm, laterality="L", view="CC"
    )

    assert compare_breasts(prior=prepared(2), current=darker).ssim > 0.97


BLANK = prepare_breast(
    np.full((400, 300), 0.5, np.float32), spacing_mm=None, laterality="L", view="CC"
)


@pytest.mark.parametrize(
    ("prior", "current", "reason"),
    [
        ((1, "L"), (1, "R"), "laterality_mismatch"),
        ((1, "L", "CC"), (1, "L", "MLO"), "view_mismatch"),
        ((1, "L"), (1, "L"), "same_image"),
        (None, (1, "L"), "prior_not_assessable"),
        ((1, "L"), None, "current_not_assessable"),
        ((1, "L"), (2, "L"), "registration_failed"),
    ],
)
def test_a_refused_pair_has_a_reason_and_no_score(prepared, prior, current, reason):
    films = [BLANK if film is None else prepared(*film) for film in (prior, current)]

    change = compare_breasts(prior=films[0], current=films[1])

    assert (change.comparable, change.reason, change.verdict) == (False, reason, "not_comparable")
    assert change.direction == "indeterminate"
    assert not change.registration.passed
    absent = ("ssim", "change_probability", "luminance", "contrast", "structure")
    arrays = ("current_image", "aligned_prior", "ssim_map", "mask")
    assert [getattr(change, name) for name in absent + arrays] == [None] * 9
    assert change.ssim_by_scale_mm == {}
    assert -1 <= change.ssim_baseline <= 1


def test_films_whose_scales_contradict_each_other_are_refused(prepared):
    """The header of one film states three quarters of the pixel spacing of the other's detector."""
    film = phantom(1, **MOVED)
    finer = prepare_breast(
        film.pixels, spacing_mm=0.75 * film.spacing_mm, laterality="L", view="CC"
    )
    unknown = prepare_breast(film.pixels, spacing_mm=None, laterality="L", view="CC")

    refused = compare_breasts(prior=prepared(1), current=finer)

    assert (refused.comparable, refused.reason) == (False, "scale_mismatch")
    assert refused.ssim is None
    assert compare_breasts(prior=prepared(1), current=unknown).reason != "scale_mismatch"


def test_the_baseline_obeys_the_same_gates(prepared):
    change = compare_breasts(
        prior=prepared(1, "L"), current=prepared(1, "R"), algorithm=BASELINE_ALGORITHM
    )

    assert (change.reason, change.ssim) == ("laterality_mismatch", None)


def test_the_baseline_scores_without_registration(prepared):
    prior, current = prepared(1), prepared(1, **MOVED)

    change = compare_breasts(prior=prior, current=current, algorithm=BASELINE_ALGORITHM)

    assert change.comparable
    assert change.ssim == change.ssim_baseline
    assert change.registration.reason == "not_attempted"
    assert change.ssim_map is None
    assert change.verdict == "no_detectable_change"


def test_a_score_that_real_pairs_do_not_reach_unchanged_is_reported_without_direction(
    prepared, monkeypatch
):
    always = Calibration(intercept=5.0, slope=-1.0, threshold=0.5)
    monkeypatch.setattr("analysis.imaging.comparison.load_calibration", lambda _: always)

    change = compare_breasts(
        prior=prepared(1), current=prepared(1, **MOVED), algorithm=SSIM_ALGORITHM
    )

    assert (change.verdict, change.direction) == ("changed_direction_unclear", "indeterminate")


def test_an_unknown_algorithm_is_refused(prepared):
    with pytest.raises(ImagingError) as refusal:
        compare_breasts(prior=prepared(1), current=prepared(2), algorithm="ssim-0")

    assert refusal.value.code == "unknown_algorithm"


def test_every_listed_algorithm_is_there_and_calibrated():
    assert tuple(MEASUREMENTS) == ALGORITHMS == versions.ALGORITHMS
    for algorithm in (SSIM_ALGORITHM, BASELINE_ALGORITHM):
        calibration = load_calibration(algorithm)
        assert calibration.slope <= 0
        assert 0 < calibration.threshold <= 1
        assert 0 < calibration.change_probability(1.0) <= calibration.change_probability(-1.0) < 1


def test_the_inputs_are_not_modified(prepared):
    prior, current = prepared(1), prepared(1, **MOVED)
    before = [breast.image.copy() for breast in (prior, current)]

    compare_breasts(prior=prior, current=current)

    for breast, copy in zip((prior, current), before, strict=True):
        np.testing.assert_array_equal(breast.image, copy)
    assert dataclasses.is_dataclass(prior)


def test_pictures_hung_on_opposite_sides_are_not_one_breast_whatever_is_said():
    """A picture without a header takes the side it is given; the chest wall gives it away."""
    left, right = (
        prepare_breast(
            phantom(1, side).pixels, spacing_mm=phantom(1).spacing_mm, laterality="L", view="CC"
        )
        for side in "LR"
    )

    change = compare_breasts(prior=left, current=right)

    assert (change.comparable, change.reason) == (False, "laterality_mismatch")


@settings(deadline=None, max_examples=3)
@given(finer=st.floats(0.7, 1.5))
def test_the_detector_of_both_films_does_not_count(finer):
    """One rescaling of both, stated in the pixel spacing, leaves the scores as they are."""
    films = [phantom(1), phantom(1, **MOVED)]

    def compared(scale: float) -> ChangeMeasurement:
        prior, current = (
            prepare_breast(
                cv2.resize(film.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA),
                spacing_mm=film.spacing_mm / scale,
                laterality="L",
                view="CC",
            )
            for film in films
        )
        return compare_breasts(prior=prior, current=current)

    found, as_it_was = compared(finer), compared(1.0)

    assert found.ssim == pytest.approx(as_it_was.ssim, abs=0.02)
    assert found.verdict == as_it_was.verdict == "no_detectable_change"
