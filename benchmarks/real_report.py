"""Tables of real films: follow-up pairs, films of other women, films laid on themselves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, permutations

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.baseline import paper_ssim
from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.change_rules import load_change_rules
from analysis.imaging.comparison import (
    HEADLINE_FACTOR,
    ChangeMeasurement,
    compare_breasts,
    measure,
    refusal,
    registration_refusal,
    similarity_by_factor,
)
from analysis.imaging.frame import common_frame
from analysis.imaging.noise_floor import HEADLINE_MM
from analysis.imaging.photometry import match_intensities
from analysis.imaging.registration import RegistrationQuality, register
from analysis.imaging.versions import CHANGE_ALGORITHM, SSIM_ALGORITHM
from benchmarks.real_follow_ups import similarity_slope
from benchmarks.research_films import COLLECTIONS, FollowUpPair, films
from benchmarks.statistics import auc_by_patient

EVERY_NTH_FILM = 8
BLUR_SHARE = 1 / 256
MOVES = {
    "moved 1 mm": (1.0, 0.0),
    "moved 2 mm": (2.0, 0.0),
    "moved 5 mm": (5.0, 0.0),
    "rotated 2 degrees": (0.0, 2.0),
}
"""Shift in mm (diagonal, away from the chest wall) and rotation in degrees."""


@dataclass(frozen=True, eq=False)
class _FollowUp:
    """A real pair, measured by both versions of ours."""

    pair: FollowUpPair
    scored: ChangeMeasurement
    change: ChangeMeasurement


def assessable_report() -> str:
    """Count the films that pass the quality gates, and those of some that are still sharp."""
    lines = [
        "Films that pass the quality gates, and films refused as blurred after a blur of 1 mm (SD)"
    ]
    for collection in COLLECTIONS:
        assessable, blurred = [], []
        for number, (film, _) in enumerate(films(collection)):
            assessable.append(film.assessable)
            if number % EVERY_NTH_FILM == 0:
                blurred.append("blurred" in _blurred(film).reasons)
        passed = f"{sum(assessable)} of {len(assessable)}"
        lines.append(f"  {collection:<12} {passed:<14} {sum(blurred)} of {len(blurred)}")
    return "\n".join(lines)


def _blurred(film: PreparedBreast) -> PreparedBreast:
    """Blur the film as a breast that moved is blurred, by shares of its side: about 1 mm."""
    sigma_px = BLUR_SHARE * max(film.source.shape)
    blurred = np.asarray(cv2.GaussianBlur(film.source, (0, 0), sigma_px), np.float32)
    return prepare_breast(
        np.clip(blurred, 0, 1), spacing_mm=None, laterality=film.laterality, view=film.view
    )


def follow_up_report(pairs: list[FollowUpPair]) -> str:
    """Tell changed from unchanged BI-RADS, and one woman from another."""
    return "\n".join([*_discrimination(pairs), "", *_identity(pairs)])


def _discrimination(pairs: list[FollowUpPair]) -> Iterator[str]:
    measured = [_measured(pair) for pair in pairs]
    kept = [each for each in measured if each.change.comparable]
    changed = np.array([each.pair.changed for each in kept])
    patients = np.array([each.pair.patient for each in kept])
    yield "Changed against unchanged BI-RADS, real pairs: AUC (95 %, resampled by patient)"
    yield (
        f"  {len(kept)} registered pairs of {len(pairs)}: {changed.sum()} changed, "
        f"{len(set(patients))} patients, {len(set(patients[changed]))} of them with a change"
    )
    for name, values in _scores(kept).items():
        yield f"  {name:<44} {auc_by_patient(values, changed, patients)}"
    verdicts = np.array([each.change.verdict != "no_detectable_change" for each in kept])
    yield (
        f"  registered-change-2 reports a change in {verdicts[changed].sum()} of {changed.sum()} "
        f"changed and {verdicts[~changed].sum()} of {(~changed).sum()} unchanged pairs"
    )


def _measured(pair: FollowUpPair) -> _FollowUp:
    films_of_pair = {"prior": pair.prior, "current": pair.current}
    return _FollowUp(
        pair,
        measure(**films_of_pair, algorithm=SSIM_ALGORITHM),
        compare_breasts(**films_of_pair, algorithm=CHANGE_ALGORITHM),
    )


def _scores(kept: list[_FollowUp]) -> dict[str, list[float]]:
    """Name the compared scores; higher means rather changed."""

    def of(score: Callable[[_FollowUp], float]) -> list[float]:
        return [score(each) for each in kept]

    return {
        "published: 150 x 150, plain SSIM": of(lambda each: -each.scored.ssim_baseline),
        "masked, not registered, 3.2 mm": of(lambda each: -_unregistered_ssim(each.pair)),
        **{
            f"registered-ssim-1, {scale} mm": [
                -each.scored.ssim_by_scale_mm[scale] for each in kept
            ]
            for scale in ("0.4", "0.8", "1.6", "3.2")
        },
        "registered-change-2, SSIM at 3.2 mm": of(
            lambda each: -each.change.ssim_by_scale_mm[HEADLINE_MM]
        ),
        "registered-change-2, reported probability": of(
            lambda each: each.change.change_probability or 0.0
        ),
        "  its similarity slope fitted without her": _left_out_odds(kept),
    }


def _left_out_odds(kept: list[_FollowUp]) -> list[float]:
    """Return log odds with the slope of the similarity fitted on the other women."""
    ssim = np.array([each.change.ssim_by_scale_mm[HEADLINE_MM] for each in kept])
    changed = np.array([each.pair.changed for each in kept])
    patients = np.array([each.pair.patient for each in kept])
    probability = np.array([each.change.change_probability or 0.5 for each in kept])
    deviation = ssim - np.median(ssim)
    rules = load_change_rules()
    fitted = float(np.diff(rules.unmarked.weights[0, :, -1])[0])
    others_known = np.log(probability / (1 - probability)) - fitted * deviation
    odds = []
    for at, patient in enumerate(patients):
        others = patients != patient
        slope = similarity_slope(ssim[others], changed[others], log_odds=others_known[others])
        odds.append(float(others_known[at] + slope * deviation[at]))
    return odds


def _identity(pairs: list[FollowUpPair]) -> Iterator[str]:
    """Compare films of two women, same side and view: no gate can know, but most should fail."""
    same = [_laid(pair, pair) for pair in pairs]
    other = [
        _laid(first, second)
        for first, second in permutations(pairs, 2)
        if first.patient != second.patient
        and (first.prior.laterality, first.prior.view)
        == (second.current.laterality, second.current.view)
    ]
    patients = [each.patient for each in same + other]
    is_same = [True] * len(same) + [False] * len(other)
    yield f"One woman against another, AUC: {len(same)} follow-ups, {len(other)} mixed pairs"
    for name in ("affine_correlation", "correlation"):
        values = [getattr(each.quality, name) for each in same + other]
        yield f"  {name:<44} {auc_by_patient(values, is_same, patients)}"
    for name, laid in (("follow-ups", same), ("mixed pairs", other)):
        passed = sum(each.refused is None for each in laid)
        yield f"  {name} that the gates let pass: {passed} of {len(laid)}"


@dataclass(frozen=True)
class _Laid:
    """A prior laid on a current film, whether or not the pair may be compared."""

    patient: str
    quality: RegistrationQuality
    refused: str | None


def _laid(first: FollowUpPair, second: FollowUpPair) -> _Laid:
    films_of_pair = {"prior": first.prior, "current": second.current}
    registration = register(**vars(common_frame(**films_of_pair)))
    refused = refusal(**films_of_pair) or registration_refusal(registration, **films_of_pair)
    return _Laid(first.patient, registration.quality, refused)


def _unregistered_ssim(pair: FollowUpPair) -> float:
    """Return the headline score as it would be without registration."""
    frame = common_frame(prior=pair.prior, current=pair.current)
    mask = frame.current_mask & frame.prior_mask
    matched = match_intensities(frame.prior, frame.current, mask)
    return similarity_by_factor(matched, frame.current, mask)[HEADLINE_FACTOR].ssim


def robustness_report() -> str:
    """Lay films on themselves after re-positioning."""
    prepared = list(islice(films("inbreast"), 0, None, EVERY_NTH_FILM))
    lines = [
        f"One film against itself, re-positioned ({len(prepared)} films): median (lowest)",
        f"  {'':<20} {'published':<16} {'registered, 3.2 mm':<20} refused",
    ]
    for name, (shift_mm, degrees) in MOVES.items():
        published, ours = [], []
        for film, spacing_mm in prepared:
            moved = repositioned(film, spacing_mm, shift_mm=shift_mm, degrees=degrees)
            published.append(paper_ssim(film.source, moved.source))
            change = measure(prior=film, current=moved, algorithm=SSIM_ALGORITHM)
            if change.ssim is not None:
                ours.append(change.ssim)
        refused = len(prepared) - len(ours)
        lines.append(f"  {name:<20} {_spread(published):<16} {_spread(ours):<20} {refused}")
    return "\n".join(lines)


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


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.3f} ({min(values):.3f})"
