"""Pairs with their truth: what changed, where, by how many millimetres."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.simulator.baseline import BaselineFilm
from benchmarks.simulator.grid import (
    SPACING_MM,
    Image,
    Mask,
    blur,
    inner_distance_mm,
    warp,
)
from benchmarks.simulator.lesion import Mass, draw, longest_diameter_mm
from benchmarks.simulator.reimaging import FollowUpFilm, reimage
from benchmarks.simulator.severity import SEVERITIES

LESION_DIAMETER_MM = (12.0, 32.0)
NEW_DIAMETER_MM = (9.0, 24.0)
CONTRAST = (0.06, 0.22)
CONTRAST_CHANGE = (0.8, 1.2)
PROJECTED_SIZE_SD = 0.04
DEPTH_MM = 6.0
"""Least distance of a mass from the skin, the pectoral muscle and the chest wall."""
CHEST_WALL_DEPTH_MM = 14.0
BACKGROUND, BACKGROUND_NOISE = 0.012, 0.006
LABEL_PX = (26, 44)


@dataclass(frozen=True)
class Scenario:
    """What happens to the mass between the two films.

    Attributes
    ----------
    direction : int
        -1 for less, 0 for no change, 1 for more.
    has_prior_lesion : bool
    current_mm : callable
        (prior diameter, rng) -> current diameter.
    """

    direction: int
    has_prior_lesion: bool
    current_mm: Callable[[float, np.random.Generator], float]


SCENARIOS = {
    "none": Scenario(0, False, lambda _, rng: 0.0),
    "stable": Scenario(0, True, lambda before, rng: before),
    "shrunk": Scenario(-1, True, lambda before, rng: before * rng.uniform(0.25, 0.68)),
    "removed": Scenario(-1, True, lambda before, rng: 0.0),
    "grown": Scenario(
        1, True, lambda before, rng: max(before * rng.uniform(1.25, 1.8), before + 5.5)
    ),
    "new": Scenario(1, False, lambda _, rng: rng.uniform(*NEW_DIAMETER_MM)),
}


@dataclass(frozen=True, eq=False)
class SimulatedPair:
    """Two films as a clinic would upload them, and the truth.

    Attributes
    ----------
    patient, view, scenario, severity : str
    direction : int
        As in ``Scenario``.
    prior, current : (rows, cols) float32 ndarray
        Whole films at ``spacing_mm``, chest wall at the left.
    displacement : (rows, cols, 2) float32 ndarray
        Add to (column, row) of the current film to get the place on the prior film, px.
    breast : (rows, cols) bool ndarray
        The breast on the current film without its pectoral muscle.
    centre : tuple of float
        Column and row of the mass on the prior film (also where there is none on it).
    prior_mm, current_mm : float
        Longest diameter of the mass as it was drawn on each film; 0 for none.
    """

    patient: str
    view: str | None
    scenario: str
    severity: str
    direction: int
    prior: Image
    current: Image
    displacement: Image
    breast: Mask
    centre: tuple[float, float]
    prior_mm: float
    current_mm: float
    spacing_mm: float = SPACING_MM


def simulate_pair(
    film: BaselineFilm, *, other: BaselineFilm, scenario: str, severity: str, seed: int
) -> SimulatedPair:
    """Make one pair; the same arguments make the same pair."""
    rng = np.random.default_rng(seed)
    before, after = _masses(film, SCENARIOS[scenario], rng)
    prior_profile = before.profile(film.image.shape)
    prior_image = draw(film.image, prior_profile, before.contrast) * film.mask
    follow_up = reimage(film, other=other, mass=after, severity=SEVERITIES[severity], rng=rng)
    current_profile = warp(after.profile(film.image.shape), follow_up.displacement)
    return SimulatedPair(
        patient=film.patient,
        view=film.view,
        scenario=scenario,
        severity=severity,
        direction=SCENARIOS[scenario].direction,
        prior=_framed(prior_image, film.mask, rng),
        current=_framed(follow_up.image, follow_up.mask, rng),
        displacement=follow_up.displacement,
        breast=_tissue(film, follow_up),
        centre=(before.x, before.y),
        prior_mm=longest_diameter_mm(prior_profile > 0.5),
        current_mm=longest_diameter_mm((current_profile > 0.5) & follow_up.mask),
    )


def _masses(film: BaselineFilm, scenario: Scenario, rng: np.random.Generator) -> tuple[Mass, Mass]:
    """Draw the mass of each film; a mass of 0 mm is none."""
    before_mm = rng.uniform(*LESION_DIAMETER_MM) if scenario.has_prior_lesion else 0.0
    after_mm = scenario.current_mm(before_mm, rng)
    x, y = _place(film.roi, max(before_mm, after_mm), rng)
    before = Mass(
        x=x,
        y=y,
        shape_seed=int(rng.integers(1 << 30)),
        diameter_mm=before_mm,
        contrast=rng.uniform(*CONTRAST),
    )
    projected = float(np.clip(rng.normal(1, PROJECTED_SIZE_SD), 0.9, 1.1))
    after = replace(
        before,
        diameter_mm=after_mm * projected,
        contrast=before.contrast * rng.uniform(*CONTRAST_CHANGE),
        projection_seed=int(rng.integers(1 << 30)),
    )
    return before, after


def _place(roi: Mask, diameter_mm: float, rng: np.random.Generator) -> tuple[float, float]:
    """Choose a centre well inside the breast; the deepest tissue where there is too little."""
    inside = roi.copy()
    inside[:, : round((CHEST_WALL_DEPTH_MM - DEPTH_MM) / SPACING_MM)] = False
    depth = inner_distance_mm(inside)
    deep_enough = depth > min(diameter_mm / 2 + DEPTH_MM, float(np.quantile(depth[inside], 0.93)))
    rows, cols = np.nonzero(deep_enough)
    chosen = rng.integers(rows.size)
    return float(cols[chosen]), float(rows[chosen])


def _tissue(film: BaselineFilm, follow_up: FollowUpFilm) -> Mask:
    return (warp(film.roi.astype(np.float32), follow_up.displacement) > 0.5) & follow_up.mask


def _framed(image: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Add detector background and, where there is room, a bright label."""
    noise = np.abs(rng.standard_normal(image.shape, np.float32)) * np.float32(BACKGROUND_NOISE)
    inside = blur(mask.astype(np.float32), SPACING_MM)
    film = (noise + np.float32(BACKGROUND)) * (1 - inside) + image * inside
    height, width = LABEL_PX
    top = int(rng.integers(4, image.shape[0] // 3))
    left = image.shape[1] - int(rng.integers(60, 90))
    number = int(rng.integers(10))
    brightness = rng.uniform(0.6, 1)
    if not mask[top : top + height + 4, left - 4 : left + width + 16].any():
        tag = np.zeros(LABEL_PX, np.uint8)
        cv2.putText(tag, f"ML{number}", (4, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
        film[top : top + height, left : left + width] = np.where(tag > 127, 0.1, brightness)
    return np.clip(film, 0, 1).astype(np.float32)
