"""The grid that lays the prior on the current film at full depth."""

import numpy as np
import pytest

from analysis.imaging.breast import prepare_breast
from analysis.imaging.comparison import compare_breasts
from analysis.imaging.correspondence import NODE_PX, correspondence, grid
from analysis.imaging.errors import ImagingError
from tests.phantoms import SPACING_MM, phantom

SHIFT_MM = (6.0, 4.0)  # down, away from the chest wall


def pair(laterality="L"):
    prior, current = phantom(5, laterality), phantom(5, laterality, shift_mm=SHIFT_MM)
    return {
        when: prepare_breast(film.pixels, spacing_mm=SPACING_MM, laterality=laterality, view="CC")
        for when, film in (("prior", prior), ("current", current))
    }


@pytest.fixture(scope="module")
def registered():
    breasts = pair()
    return breasts | {"change": compare_breasts(**breasts)}


def inside(nodes):
    return nodes[..., 3] == 1


def places(nodes, shape):
    """Node places on the current film and where they lead to on the prior, px."""
    rows, cols = nodes.shape[:2]
    across, down = np.meshgrid((np.arange(cols) + 0.5) / cols, (np.arange(rows) + 0.5) / rows)
    here = np.stack([across * shape[1], down * shape[0]], axis=-1)
    return here, nodes[..., :2] * shape[::-1]


def test_d05_nodes_lead_to_the_same_tissue(registered):
    nodes = grid(**registered)

    here, there = places(nodes, registered["current"].source.shape)
    moved_mm = (here - there)[inside(nodes)] * SPACING_MM

    assert np.median(moved_mm, axis=0) == pytest.approx(SHIFT_MM[::-1], abs=0.5)


def test_d05_a_right_breast_is_the_mirror(registered):
    """The same woman hung the other way: nodes lead the mirrored way."""
    breasts = pair("R")
    nodes = grid(**breasts, change=compare_breasts(**breasts))

    here, there = places(nodes, breasts["current"].source.shape)
    moved_mm = (here - there)[inside(nodes)] * SPACING_MM

    down, away = SHIFT_MM
    assert np.median(moved_mm, axis=0) == pytest.approx((-away, down), abs=0.5)


def test_the_grid_covers_the_whole_film_at_the_scale_of_the_similarity_map(registered):
    nodes = grid(**registered)

    rows, _ = registered["current"].source.shape
    assert nodes.shape[0] == pytest.approx(rows * SPACING_MM / (0.4 * NODE_PX), abs=1)
    measured = nodes[inside(nodes), 2]
    assert 0 < measured.min() < measured.max() <= 1
    assert not inside(nodes)[0].any()  # air


def test_a_film_without_scale_is_carried_back_at_its_own(registered):
    """The prior is resized into the common frame; the shares are of the prior as acquired."""
    breasts = pair()
    unscaled = prepare_breast(breasts["prior"].source, spacing_mm=None, laterality="L", view="CC")
    breasts["prior"] = unscaled
    nodes = grid(**breasts, change=compare_breasts(**breasts))

    here, there = places(nodes, unscaled.source.shape)
    moved_mm = (here - there)[inside(nodes)] * SPACING_MM
    assert np.median(moved_mm, axis=0) == pytest.approx(SHIFT_MM[::-1], abs=1)


def test_the_bytes_are_head_match_and_nodes(registered):
    values = np.frombuffer(correspondence(**registered), "<f4")

    rows, cols, points = values[:3].astype(int)
    match = values[3 : 3 + 2 * points].reshape(points, 2)
    nodes = values[3 + 2 * points :].reshape(rows, cols, 4)
    assert (np.diff(match, axis=0) >= 0).all()
    assert np.array_equal(nodes, grid(**registered))


def test_an_unregistered_pair_has_none():
    breasts = pair()
    change = compare_breasts(**breasts, algorithm="paper-ssim-150")

    with pytest.raises(ImagingError) as refused:
        correspondence(**breasts, change=change)

    assert refused.value.code == "not_registered"
