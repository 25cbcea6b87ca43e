"""From measurements to a probability of change with an interval, and to a verdict.

Every coefficient and threshold lies in one file, ``calibration/registered-change-2.json``, written
by ``python -m benchmarks.fit_change`` from calibration patients only.

Probabilities are given at even odds: before anything is measured, change and no change count as
equally likely. Such a number orders pairs and carries a threshold; it is not the probability that
this woman's tumour changed, which depends on how frequent change is among women like her.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imaging import attention, marked_change
from analysis.imaging.calibration import FOLDER
from analysis.imaging.errors import ImagingError
from analysis.imaging.noise_floor import HEADLINE_MM, SimilarityFloor
from analysis.imaging.versions import CHANGE_ALGORITHM

UNMARKED_FEATURES = ("likeliest_candidate", "similarity_drop", "ssim")
INTERVAL = (2.5, 97.5)
LARGEST_LOGIT = 8.0

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A multinomial logistic regression and its refits on resampled patients.

    Attributes
    ----------
    features : tuple of str
    degree : int
        1, or 2 when the squares of the standardised features count too: no change lies in the
        middle of most of them.
    centre, spread : (features,) float ndarray
        Standardise the features.
    weights : (fits, classes, 1 + degree * features) float ndarray
        Intercept first. The first fit is the model, the others its uncertainty.
    """

    features: tuple[str, ...]
    degree: int
    centre: Vector
    spread: Vector
    weights: NDArray[np.float64]

    @classmethod
    def read(cls, stored: dict[str, Any], *, features: Sequence[str]) -> "LogisticModel":
        """Read a stored model; ``features`` are those that the code computes.

        Raises
        ------
        ImagingError
            ``calibration_mismatch`` when the file was written for other features.
        """
        if tuple(stored["features"]) != tuple(features):
            raise ImagingError(
                "calibration_mismatch",
                f"Expected a calibration for {features}; one for {stored['features']} was found.",
            )
        return cls(
            features=tuple(features),
            degree=stored["degree"],
            centre=np.array(stored["centre"]),
            spread=np.array(stored["spread"]),
            weights=np.array(stored["weights"]),
        )

    def terms(self, measured: Vector) -> NDArray[np.float64]:
        """Return what the weights multiply, (cases, degree * features)."""
        standard = (np.atleast_2d(measured) - self.centre) / self.spread
        return np.concatenate([standard**power for power in range(1, self.degree + 1)], axis=-1)

    def probabilities(self, measured: Vector) -> NDArray[np.float64]:
        """Return (fits, cases, classes) for (cases, features)."""
        scores = np.einsum("nf,bkf->bnk", self.terms(measured), self.weights[..., 1:])
        scores += self.weights[:, None, :, 0]
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class ChangeEstimate:
    """How likely a change is.

    Attributes
    ----------
    probability : float
        Of any change, at even odds: the posterior of a reader who thought change and no change
        equally likely, not the share of women with such a pair whose mass changed.
    interval : tuple of float
        95 % interval over refits on resampled patients, and over placements of the mark.
    regression, progression : float or None
        The two parts of the probability; None without a mark.
    """

    probability: float
    interval: tuple[float, float]
    regression: float | None = None
    progression: float | None = None


@dataclass(frozen=True, eq=False)
class ChangeRules:
    """The rule set of ``registered-change-2``.

    Attributes
    ----------
    marked, candidate, unmarked : LogisticModel
        Classes: less, unchanged, more; no change, change; unchanged, changed.
    similarity_floor : SimilarityFloor
    marked_threshold, unmarked_threshold : float
        A change is reported from this probability on.
    direction_share : float
        A direction is claimed from this share of the probability of change on.
    contradicting_log_size : float
        And only if the longest diameter did not change the other way by so much (logarithm), where
        there is still a mass to measure.
    """

    marked: LogisticModel
    candidate: LogisticModel
    unmarked: LogisticModel
    similarity_floor: SimilarityFloor
    marked_threshold: float
    unmarked_threshold: float
    direction_share: float
    contradicting_log_size: float

    def at_mark(self, measured: Vector) -> ChangeEstimate:
        """Estimate the change of a marked mass.

        Parameters
        ----------
        measured : (placements, features) float64 ndarray
            The features of ``marked_change.FEATURES``, once for each placement of the mark.

        Returns
        -------
        ChangeEstimate
            ``regression`` and ``progression`` sum to ``probability``; each is the median over
            the placements, scaled so that the three classes sum to 1.
        """
        fits = self.marked.probabilities(measured)
        medians = np.median(fits[0], axis=0)
        less, _, more = medians / medians.sum()
        low, high = np.percentile(1 - fits[..., 1], INTERVAL)
        change = less + more
        return ChangeEstimate(
            probability=float(change),
            interval=(min(float(low), float(change)), max(float(high), float(change))),
            regression=float(less),
            progression=float(more),
        )

    def candidate_probabilities(self, candidates: Vector) -> Vector:
        """Return the probability of each candidate, (candidates, features) -> (candidates,)."""
        if len(candidates) == 0:
            return np.zeros(0)
        return np.asarray(self.candidate.probabilities(candidates)[0, :, 1])

    def without_mark(
        self, candidates: Vector, *, ssim_by_scale_mm: Mapping[str, float]
    ) -> ChangeEstimate:
        """Estimate the change of a whole breast.

        Parameters
        ----------
        candidates : (candidates, features) float64 ndarray
            The features of ``attention.FEATURES``; no rows when no place stands out.
        ssim_by_scale_mm : mapping of str to float
            SSIM in [-1, 1] by millimetres a pixel, as ``comparison.ssim_by_scale_mm`` names them.

        Returns
        -------
        ChangeEstimate
            Without ``regression`` and ``progression``.
        """
        likeliest = float(self.candidate_probabilities(candidates).max(initial=0.0))
        measured = unmarked_features(likeliest, ssim_by_scale_mm, floor=self.similarity_floor)
        fits = self.unmarked.probabilities(measured)[..., 1]
        low, high = np.percentile(fits, INTERVAL)
        change = float(fits[0, 0])
        return ChangeEstimate(change, (min(float(low), change), max(float(high), change)))

    def verdict_at_mark(
        self, estimate: ChangeEstimate, *, log_size_ratio: float | None
    ) -> tuple[str, str]:
        """Return (verdict, direction) for a marked mass; no ratio when none is left to measure."""
        if estimate.probability < self.marked_threshold:
            return "no_detectable_change", "none"
        less, more = estimate.regression or 0.0, estimate.progression or 0.0
        share = max(less, more) / (less + more)
        claimed_growth = (log_size_ratio or 0.0) * (1 if more > less else -1)
        if share < self.direction_share or claimed_growth < -self.contradicting_log_size:
            return "changed_direction_unclear", "indeterminate"
        direction = "progression" if more > less else "regression"
        return direction, direction

    def verdict_without_mark(self, estimate: ChangeEstimate) -> tuple[str, str]:
        """Return (verdict, direction): without a mark no direction is claimed."""
        if estimate.probability < self.unmarked_threshold:
            return "no_detectable_change", "none"
        return "changed_direction_unclear", "indeterminate"


def unmarked_features(
    likeliest: float, ssim_by_scale_mm: Mapping[str, float], *, floor: SimilarityFloor
) -> Vector:
    """Return the features of a whole breast, in the order of ``UNMARKED_FEATURES``."""
    odds = np.clip(likeliest, 1e-9, 1 - 1e-9)
    logit = np.clip(np.log(odds / (1 - odds)), -LARGEST_LOGIT, LARGEST_LOGIT)
    drop = floor.drop(ssim_by_scale_mm)
    return np.array([logit, drop, ssim_by_scale_mm[HEADLINE_MM]], np.float64)


@cache
def load_change_rules() -> ChangeRules:
    """Read the rule set."""
    path = FOLDER / f"{CHANGE_ALGORITHM}.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    models = stored["models"]
    return ChangeRules(
        marked=LogisticModel.read(models["marked"], features=marked_change.FEATURES),
        candidate=LogisticModel.read(models["candidate"], features=attention.FEATURES),
        unmarked=LogisticModel.read(models["unmarked"], features=UNMARKED_FEATURES),
        similarity_floor=SimilarityFloor(**stored["similarity_floor"]),
        **stored["thresholds"],
    )
