import cv2
import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from analysis.imaging.calcification import count_calcifications, without_calcifications
from analysis.imaging.comparison import compare_breasts
from analysis.imaging.mark import Mark
from tests.phantoms import SPACING_MM, Lesion, phantom

CLUSTER_MM = tuple((x, y) for x in np.arange(-3, 3.1, 2) for y in np.arange(-3, 3.1, 2))
PLACES_MM = ((-4.0, -3.0), (-2.5, 3.0), (0.0, 0.0), (2.0, -4.5), (4.0, 4.0))
LONGEST_MM = np.hypot(8, 7)


def with_calcifications(pixels, mark, places_mm=PLACES_MM, diameter_mm=0.8):
    """Draw bright discs at places round a mark."""
    drawn = np.zeros_like(pixels)
    for across, down in places_mm:
        speck = Mark(mark.x, mark.y, diameter_mm / 2 / SPACING_MM)
        speck = speck.moved(across=across / SPACING_MM, down=down / SPACING_MM)
        drawn[speck.covers(pixels.shape)] = 0.5
    return np.clip(pixels + cv2.GaussianBlur(drawn, (0, 0), 0.7), 0, 1)


@pytest.fixture(scope="module")
def film():
    return phantom(2, lesion=Lesion(diameter_mm=20))


@pytest.fixture(scope="module")
def mark(film):
    rows, cols = np.nonzero(film.lesion)
    return Mark(float(cols.mean()), float(rows.mean()), 10 / SPACING_MM)


def test_a_mass_alone_has_no_calcifications(film, mark):
    found = count_calcifications(film.pixels, mark, spacing_mm=SPACING_MM)

    assert (found.count, found.extent_mm) == (0, 0.0)


def test_specks_are_counted_with_their_extent(film, mark):
    drawn = with_calcifications(film.pixels, mark)

    found = count_calcifications(drawn, mark, spacing_mm=SPACING_MM)

    assert found.count == len(PLACES_MM)
    assert found.extent_mm == pytest.approx(LONGEST_MM, abs=0.5)


def test_what_lies_outside_the_mark_or_is_large_is_not_counted(film, mark):
    small = Mark(mark.x, mark.y, 2 / SPACING_MM)
    rows, cols = np.indices(film.pixels.shape)
    bump = np.exp(-(np.hypot(cols - mark.x, rows - mark.y) ** 2) / (2 * (2 / SPACING_MM) ** 2))
    large = (film.pixels + 0.3 * bump).astype(np.float32)

    assert (
        count_calcifications(
            with_calcifications(film.pixels, mark), small, spacing_mm=SPACING_MM
        ).count
        == 1
    )
    assert count_calcifications(large, mark, spacing_mm=SPACING_MM).count == 0


def test_levelling_takes_specks_away_and_leaves_the_mass(prepared):
    breast = prepared(2, lesion=Lesion(diameter_mm=20))
    mark = Mark(112.0, 170.0, 30.0)
    specked = breast.image.copy()
    specked[160:162, 110:112] += 0.3

    levelled = without_calcifications(specked, mark)

    assert without_calcifications(breast.image, mark) is breast.image
    assert np.abs(levelled - breast.image)[155:167, 105:117].max() < 0.06
    assert (specked[160:162, 110:112] > 0.25).all()
    np.testing.assert_array_equal(levelled[:150], breast.image[:150])


def test_calcifications_that_stay_are_no_residual_mass():
    """The mass is gone, its calcifications are not: it regressed and has no size any more."""
    in_fat = Lesion(diameter_mm=25, depth_mm=30, below_middle_mm=-40, contrast=0.2)
    prior = phantom(2, lesion=in_fat)
    rows, cols = np.nonzero(prior.lesion)
    mark = Mark(float(cols.mean()), float(rows.mean()), 12.5 / SPACING_MM)
    current = phantom(2, shift_mm=(1.0, 0.5)).pixels
    before = with_calcifications(prior.pixels, mark, CLUSTER_MM)
    after = with_calcifications(current, mark.moved(across=2, down=4), CLUSTER_MM)

    change = compare_breasts(
        prior=prepare_breast(before, spacing_mm=SPACING_MM, laterality="L", view="CC"),
        current=prepare_breast(after, spacing_mm=SPACING_MM, laterality="L", view="CC"),
        lesion=mark,
    )

    assert change.verdict == "regression"
    assert (change.lesion.still_visible, change.lesion.current_mm) == (False, None)
    found = change.as_dict()["lesion"]
    assert [found[f"{film}_calcifications"]["count"] >= 16 for film in ("prior", "current")] == [
        True
    ] * 2
