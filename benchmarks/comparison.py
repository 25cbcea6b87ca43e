"""The published comparison and ours, side by side on the same real films.

    python -m benchmarks.comparison

Discrimination is measured on INbreast's follow-up pairs (changed: the BI-RADS category differs),
robustness on films that are compared with themselves after re-positioning.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice, permutations

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.baseline import paper_ssim
from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.comparison import (
    DEFAULT_ALGORITHM,
    HEADLINE_FACTOR,
    ChangeMeasurement,
    measure,
    similarity_by_factor,
)
from analysis.imaging.frame import common_frame
from analysis.imaging.photometry import match_intensities
from benchmarks.research_films import FollowUpPair, assessable_films, films, follow_up_pairs
from benchmarks.statistics import auc_by_patient

EVERY_NTH_FILM = 8
MOVES = {
    "moved 1 mm": (1.0, 0.0),
    "moved 2 mm": (2.0, 0.0),
    "moved 5 mm": (5.0, 0.0),
    "rotated 2 degrees": (0.0, 2.0),
}
"""Shift in mm (diagonal, away from the chest wall) and rotation in degrees."""

Score = Callable[[FollowUpPair, ChangeMeasurement], float]


def main() -> None:
    cv2.setNumThreads(1)
    print_assessable()
    print_discrimination()
    print_robustness()


def print_assessable() -> None:
    print("Assessable films")
    for name, (assessable, total) in assessable_films().items():
        print(f"  {name:<12} {assessable} of {total}")


def print_discrimination() -> None:
    pairs = list(follow_up_pairs())
    started = time.perf_counter()
    measured = [
        measure(prior=pair.prior, current=pair.current, algorithm=DEFAULT_ALGORITHM)
        for pair in pairs
    ]
    seconds = (time.perf_counter() - started) / len(pairs)
    kept = [(p, m) for p, m in zip(pairs, measured, strict=True) if m.comparable]
    changed = np.array([pair.changed for pair, _ in kept])
    patients = np.array([pair.patient for pair, _ in kept])
    print()
    print("Changed against unchanged BI-RADS: AUC (95 % interval, resampled by patient)")
    print(
        f"  {len(kept)} registered pairs of {len(pairs)}: {changed.sum()} changed, "
        f"{len(set(patients))} patients, {len(set(patients[changed]))} of them with a change"
    )
    for name, score in scores().items():
        values = np.array([score(pair, change) for pair, change in kept])
        print(f"  {name:<36} {auc_by_patient(-values, changed, patients)}")
    print(f"  time a pair, prepared films, one thread: {seconds:.2f} s")
    accepted = [change.comparable for change in other_women(pairs)]
    print(f"  films of two women that the gates let pass: {sum(accepted)} of {len(accepted)}")


def scores() -> dict[str, Score]:
    """Name the compared scores; lower means less alike."""

    def at_scale(millimetres: str) -> Score:
        return lambda _, change: change.ssim_by_scale_mm[millimetres]

    return {
        "published: 150 x 150, plain SSIM": lambda _, change: change.ssim_baseline,
        "masked, not registered, 3.2 mm": lambda pair, _: unregistered_ssim(pair),
        **{
            f"masked, registered, {millimetres} mm": at_scale(millimetres)
            for millimetres in ("0.4", "0.8", "1.6", "3.2")
        },
    }


def other_women(pairs: list[FollowUpPair]) -> Iterator[ChangeMeasurement]:
    """Compare films of two women, same side and view: no gate can know, but most should fail."""
    for first, second in permutations(pairs, 2):
        same_position = (first.prior.laterality, first.prior.view) == (
            second.current.laterality,
            second.current.view,
        )
        if first.patient != second.patient and same_position:
            yield measure(prior=first.prior, current=second.current, algorithm=DEFAULT_ALGORITHM)


def unregistered_ssim(pair: FollowUpPair) -> float:
    """Return the headline score as it would be without registration."""
    frame = common_frame(prior=pair.prior, current=pair.current)
    mask = frame.current_mask & frame.prior_mask
    matched = match_intensities(frame.prior, frame.current, mask)
    return similarity_by_factor(matched, frame.current, mask)[HEADLINE_FACTOR].ssim


def print_robustness() -> None:
    print()
    prepared = list(islice(films("inbreast"), 0, None, EVERY_NTH_FILM))
    print(f"One film against itself, re-positioned ({len(prepared)} films): median (lowest)")
    print(f"  {'':<20} {'published':<16} {'registered, 3.2 mm':<20} refused")
    for name, (shift_mm, degrees) in MOVES.items():
        published, ours = [], []
        for film, spacing_mm in prepared:
            moved = repositioned(film, spacing_mm, shift_mm=shift_mm, degrees=degrees)
            published.append(paper_ssim(film.source, moved.source))
            change = measure(prior=film, current=moved, algorithm=DEFAULT_ALGORITHM)
            if change.ssim is not None:
                ours.append(change.ssim)
        refused = len(prepared) - len(ours)
        print(f"  {name:<20} {spread(published):<16} {spread(ours):<20} {refused}")


def repositioned(
    film: PreparedBreast, spacing_mm: float, *, shift_mm: float, degrees: float
) -> PreparedBreast:
    """Hang the same film anew; what leaves the picture is lost, what enters is black."""
    rows, cols = film.source.shape
    move = cv2.getRotationMatrix2D((cols / 2, rows / 2), degrees, 1.0)
    step_px = shift_mm / spacing_mm / np.sqrt(2)
    move[:, 2] += (step_px if film.chest_wall == "left" else -step_px), step_px
    moved: NDArray[np.float32] = cv2.warpAffine(film.source, move, (cols, rows))
    return prepare_breast(
        np.clip(moved, 0, 1),
        spacing_mm=spacing_mm,
        laterality=film.laterality,
        view=film.view,
    )


def spread(values: list[float]) -> str:
    return f"{np.median(values):.3f} ({min(values):.3f})"


if __name__ == "__main__":
    main()
