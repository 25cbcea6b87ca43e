"""Every simulated pair measured once, by all algorithms, on both cores."""

import multiprocessing
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analysis.imaging.attention import find_candidates
from analysis.imaging.baseline import paper_ssim
from analysis.imaging.breast import prepare_breast
from analysis.imaging.comparison import (
    registration_refusal,
    similarity_by_factor,
    ssim_by_scale_mm,
)
from analysis.imaging.deformation import refine
from analysis.imaging.difference import signed_difference
from analysis.imaging.frame import Frame, common_frame
from analysis.imaging.mark import GridPlacement, Mark, grid_placement
from analysis.imaging.marked_change import MarkedChange, measure_mark
from analysis.imaging.noise_floor import HEADLINE_MM
from analysis.imaging.photometry import match_intensities
from analysis.imaging.registered_pair import RegisteredPair
from analysis.imaging.registration import register
from analysis.imaging.similarity import multiscale_ssim
from benchmarks.alternative_simpleitk import Film, compare_films
from benchmarks.simulated_pairs import Group, Recipe, make
from benchmarks.simulator import SimulatedPair

WORKERS = 2
READER_SHIFT_MM = 1.5
READER_SIZE = (0.85, 1.2)
"""How a reader marks: standard deviation of the centre, range of the radius."""
EVERY_NTH_PIXEL = 29
MULTISCALE = "multi-scale"
ALTERNATIVE_EVERY_NTH_FILM = 3
"""SimpleITK takes longer than all else together, so it sees every third film, in all scenarios."""


@dataclass(frozen=True)
class Alternative:
    """What SimpleITK and scikit-image make of one pair: SSIM after B-splines, and the error."""

    ssim: float
    error_mm: float


@dataclass(frozen=True, eq=False)
class MeasuredPair:
    """What the algorithms found in one pair, and the truth; lengths in mm.

    Attributes
    ----------
    group : str
        See ``simulated_pairs``.
    direction : int
        -1 less, 0 unchanged, 1 more.
    paper, plain, first_headline : float
        The published score; plain SSIM on the working grid; the score of ``registered-ssim-1``.
    similarity : dict of str to float
        SSIM by scale, and MS-SSIM, after the refined registration.
    registered : bool
        The registration passed its gates; what follows is None or empty otherwise.
    unregistered_mm, first_mm, refined_mm : float
        Median distance from the true place: not registered, ``register``, ``refine``.
    alternative : Alternative or None
        None for the films that SimpleITK does not see.
    candidates : (candidates, features) float ndarray
    candidate_hits : (candidates,) bool ndarray
        Whether a candidate lies on the change and has its sign.
    marked : (placements, features) float ndarray or None
    log_size_ratio : float or None
        At the mark, median over its placements; None without a mark or a mass left to measure.
    prior_mm, current_mm : float
        True longest diameters.
    found_prior_mm, found_current_mm : float or None
    seconds : dict of str to float
        Time of each step.
    """

    group: Group
    patient: str
    scenario: str
    severity: str
    direction: int
    paper: float
    plain: float
    first_headline: float
    similarity: dict[str, float]
    registered: bool
    unregistered_mm: float
    first_mm: float
    refined_mm: float
    alternative: Alternative | None
    candidates: NDArray[np.float64]
    candidate_hits: NDArray[np.bool_]
    marked: NDArray[np.float64] | None
    log_size_ratio: float | None
    prior_mm: float
    current_mm: float
    found_prior_mm: float | None
    found_current_mm: float | None
    seconds: dict[str, float]

    @property
    def headline(self) -> float:
        """SSIM at 3.2 mm after the refined registration."""
        return self.similarity[HEADLINE_MM]


def measure_all(recipes: Iterable[Recipe]) -> list[MeasuredPair]:
    """Simulate and measure; progress goes to stderr."""
    listed = list(recipes)
    measured = []
    started = time.perf_counter()
    fresh = multiprocessing.get_context("spawn")  # a fork inherits OpenCV's threads half alive
    with ProcessPoolExecutor(WORKERS, mp_context=fresh) as workers:
        for number, each in enumerate(workers.map(measured_pair, listed, chunksize=6), 1):
            measured.append(each)
            if number % 10 == 0 or number == len(listed):
                passed = time.perf_counter() - started
                print(f"\r{number}/{len(listed)} pairs, {passed:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    return measured


def measured_pair(recipe: Recipe) -> MeasuredPair:
    """Simulate one pair and measure it, on one thread: there is a process for every core."""
    cv2.setNumThreads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with threadpool_limits(1):
        return _measured(recipe)


def _measured(recipe: Recipe) -> MeasuredPair:
    simulated = make(recipe)
    clock = _Clock()
    prior, current = (
        prepare_breast(film, spacing_mm=simulated.spacing_mm, laterality="L", view=simulated.view)
        for film in (simulated.prior, simulated.current)
    )
    frame = common_frame(prior=prior, current=current)
    clock.lap("prepare")
    first = register(**vars(frame))
    clock.lap("register")
    registration = refine(first, **vars(frame))
    clock.lap("refine")
    pair = RegisteredPair(frame, registration)
    similarity = similarities(pair)
    clock.lap("similarity")
    difference = signed_difference(current=frame.current, prior=pair.warped_prior, mask=pair.mask)
    candidates = find_candidates(pair, difference)
    clock.lap("attention")
    truth = _Truth(simulated, grid_placement(prior), grid_placement(current))
    marked = _marked(pair, simulated, truth.prior, seed=recipe.seed)
    clock.lap("marked")
    place = pair.to_current(truth.mark())
    unregistered_mm = truth.error_mm(np.zeros_like(first.displacement))
    plain = _plain_ssim(frame)
    alternative = None
    if recipe.film % ALTERNATIVE_EVERY_NTH_FILM == 0:
        alternative = _alternative(frame, truth) or Alternative(plain, unregistered_mm)
    return MeasuredPair(
        group=recipe.group,
        patient=simulated.patient,
        scenario=simulated.scenario,
        severity=simulated.severity,
        direction=simulated.direction,
        paper=paper_ssim(simulated.prior, simulated.current),
        plain=plain,
        first_headline=similarities(RegisteredPair(frame, first))[HEADLINE_MM],
        similarity=similarity,
        registered=registration_refusal(first, prior=prior, current=current) is None,
        unregistered_mm=unregistered_mm,
        first_mm=truth.error_mm(first.displacement),
        refined_mm=truth.error_mm(registration.displacement),
        alternative=alternative,
        candidates=np.array([each.features for each in candidates]),
        candidate_hits=np.array(
            [
                simulated.direction == (1 if each.gain else -1)
                and np.hypot(each.mark.x - place.x, each.mark.y - place.y)
                < max(0.6 * place.radius, 5 / simulated.spacing_mm)
                for each in candidates
            ],
            bool,
        ),
        marked=None if marked is None else marked.features,
        log_size_ratio=None if marked is None else marked.log_size_ratio,
        prior_mm=simulated.prior_mm,
        current_mm=simulated.current_mm,
        found_prior_mm=None if marked is None else marked.prior.diameter_mm,
        found_current_mm=None if marked is None else marked.current.diameter_mm,
        seconds=clock.laps,
    )


def similarities(pair: RegisteredPair) -> dict[str, float]:
    """Return SSIM by scale, and MS-SSIM."""
    by_factor = similarity_by_factor(pair.matched_prior, pair.frame.current, pair.mask)
    return {**ssim_by_scale_mm(by_factor), MULTISCALE: multiscale_ssim(by_factor.values())}


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now


@dataclass(frozen=True)
class _Truth:
    simulated: SimulatedPair
    prior: GridPlacement
    current: GridPlacement

    def mark(self) -> Mark:
        """The mass on the working grid of the prior."""
        diameter_mm = max(self.simulated.prior_mm, self.simulated.current_mm, 1.0)
        x, y = self.simulated.centre
        return self.prior.to_grid(Mark(x, y, diameter_mm / 2 / self.simulated.spacing_mm))

    def error_mm(self, displacement: NDArray[np.float32]) -> float:
        """Median distance between the found and the true place of the tissue."""
        rows, cols = np.nonzero(self.simulated.breast)
        rows, cols = rows[::EVERY_NTH_PIXEL], cols[::EVERY_NTH_PIXEL]
        here = np.column_stack([cols, rows]).astype(np.float64)
        at = _on_grid(self.current, here)
        expected = _on_grid(self.prior, here + self.simulated.displacement[rows, cols])
        column, line = np.round(at).astype(int).T
        height, width = displacement.shape[:2]
        on = (line >= 0) & (line < height) & (column >= 0) & (column < width)
        found = at[on] + displacement[line[on], column[on]]
        errors = np.linalg.norm(found - expected[on], axis=-1)
        return float(np.median(errors)) * self.simulated.spacing_mm


def _on_grid(placement: GridPlacement, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry (column, row) of many places from the source to the working grid."""
    first, next_one = (placement.to_grid(Mark(each, each, 1.0)) for each in (0.0, 1.0))
    step = np.array([next_one.x - first.x, next_one.y - first.y])
    return np.asarray([first.x, first.y] + places * step)


def _marked(
    pair: RegisteredPair, simulated: SimulatedPair, placement: GridPlacement, *, seed: int
) -> MarkedChange | None:
    """Mark the mass of the prior as a reader would, not quite in its middle."""
    if simulated.prior_mm == 0:
        return None
    rng = np.random.default_rng(seed)
    x, y = np.array(simulated.centre) + rng.normal(0, READER_SHIFT_MM, 2) / simulated.spacing_mm
    radius = simulated.prior_mm / 2 / simulated.spacing_mm * rng.uniform(*READER_SIZE)
    return measure_mark(pair, placement.to_grid(Mark(float(x), float(y), float(radius))))


def _alternative(frame: Frame, truth: _Truth) -> Alternative | None:
    """Register by SimpleITK; None where it gives up."""
    try:
        found = compare_films(
            Film(frame.prior, frame.prior_mask), Film(frame.current, frame.current_mask)
        )
    except RuntimeError:
        return None
    return Alternative(found.ssim, truth.error_mm(found.displacement))


def _plain_ssim(frame: Frame) -> float:
    """SSIM at 0.4 mm inside the breast, without registration."""
    mask = frame.prior_mask & frame.current_mask
    matched = match_intensities(frame.prior, frame.current, mask)
    return similarity_by_factor(matched, frame.current, mask)[1].ssim
