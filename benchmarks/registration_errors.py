"""How far each registration is from the true place, on the same simulated pairs."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from analysis.imaging.breast import prepare_breast
from analysis.imaging.deformation import refine
from analysis.imaging.frame import Frame, common_frame
from analysis.imaging.mark import GridPlacement, Mark, grid_placement
from analysis.imaging.registration import register
from benchmarks.alternative_simpleitk import Film, compare_films
from benchmarks.simulated_pairs import make, recipes
from benchmarks.simulator import SimulatedPair
from benchmarks.statistics import median_by_patient

CORES = 2
EVERY_NTH_PIXEL = 29

Displacement = NDArray[np.float32]


def _unregistered(frame: Frame) -> Displacement:
    return np.zeros((*frame.current.shape, 2), np.float32)


def _ours(frame: Frame) -> Displacement:
    return refine(register(**vars(frame)), **vars(frame)).displacement


def _simpleitk(frame: Frame) -> Displacement:
    prior, current = (
        Film(frame.prior, frame.prior_mask),
        Film(frame.current, frame.current_mask),
    )
    return compare_films(prior, current).displacement


REGISTRATIONS: dict[str, Callable[[Frame], Displacement]] = {
    "not registered": _unregistered,
    "MammoTrack": _ours,
    "SimpleITK, affine and B-spline": _simpleitk,
}


def registration_report(count: int) -> str:
    """Print the median error over ``count`` test pairs, spread over films and scenarios."""
    cv2.setNumThreads(CORES)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(CORES)
    listed = list(recipes("test"))
    chosen = listed[:: max(1, len(listed) // count)][:count]
    errors: dict[str, list[float]] = {name: [] for name in REGISTRATIONS}
    seconds: dict[str, list[float]] = {name: [] for name in REGISTRATIONS}
    patients = []
    for recipe in chosen:
        simulated = make(recipe)
        patients.append(simulated.patient)
        prior, current = (
            prepare_breast(
                film, spacing_mm=simulated.spacing_mm, laterality="L", view=simulated.view
            )
            for film in (simulated.prior, simulated.current)
        )
        frame = common_frame(prior=prior, current=current)
        places = grid_placement(prior), grid_placement(current)
        for name, registration in REGISTRATIONS.items():
            started = time.perf_counter()
            displacement = registration(frame)
            seconds[name].append(time.perf_counter() - started)
            errors[name].append(_error_mm(displacement, simulated, *places))
    title = f"n = {len(chosen)} simulated test pairs of {len(set(patients))} patients"
    lines = [title, "", f"{'registration':<32}{'median error, mm (95 %)':<28}median time, s"]
    lines += [
        f"{name:<32}{median_by_patient(errors[name], patients)!s:<28}{np.median(seconds[name]):.2f}"
        for name in REGISTRATIONS
    ]
    return "\n".join(lines)


def _error_mm(
    displacement: Displacement,
    simulated: SimulatedPair,
    prior: GridPlacement,
    current: GridPlacement,
) -> float:
    """Median distance between the found and the true place of the tissue of one pair."""
    rows, cols = np.nonzero(simulated.breast)
    distances = []
    for row, col in zip(rows[::EVERY_NTH_PIXEL], cols[::EVERY_NTH_PIXEL], strict=True):
        across, down = simulated.displacement[row, col]
        here = current.to_grid(Mark(float(col), float(row), 1.0))
        there = prior.to_grid(Mark(float(col + across), float(row + down), 1.0))
        line, column = round(here.y), round(here.x)
        if 0 <= line < displacement.shape[0] and 0 <= column < displacement.shape[1]:
            found = displacement[line, column]
            distances.append(np.hypot(here.x + found[0] - there.x, here.y + found[1] - there.y))
    return float(np.median(distances)) * simulated.spacing_mm
