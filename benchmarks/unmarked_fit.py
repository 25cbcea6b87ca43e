"""The fit of a whole breast without a mark: its likeliest candidate and its similarity."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.imaging import attention
from analysis.imaging.change_rules import UNMARKED_FEATURES, LogisticModel, unmarked_features
from analysis.imaging.noise_floor import FINER_MM, HEADLINE_MM, SimilarityFloor
from benchmarks.fitting import Index, Matrix, fit_model, left_out
from benchmarks.measured_pairs import MeasuredPair
from benchmarks.real_follow_ups import MeasuredFollowUp, similarity_slope


class Seen(Protocol):
    """What is known of a pair, simulated or real, when its change is not."""

    @property
    def candidates(self) -> NDArray[np.float64]: ...

    @property
    def similarity(self) -> dict[str, float]: ...


Score = Callable[[Seen], float]


class UnmarkedFit:
    """Candidates first; then the whole breast, by candidates judged by models that never saw it.

    Every method fits on the pairs of an index.
    """

    def __init__(self, pairs: list[MeasuredPair], follow_ups: list[MeasuredFollowUp]) -> None:
        self.pairs, self.follow_ups = pairs, follow_ups
        self.changed = np.array([pair.direction != 0 for pair in pairs])
        self.patients = np.array([pair.patient for pair in pairs])
        self.likeliest = self.left_out(self._likeliest)

    def left_out(self, fitted: Callable[[Index], Score]) -> Matrix:
        """Score every simulated pair by a fit without its patient."""

        def fold(inside: Index) -> Callable[[Index], Matrix]:
            score = fitted(inside)
            return lambda outside: np.array([score(self.pairs[at]) for at in outside])

        return left_out(fold, self.patients)

    def _likeliest(self, index: Index) -> Score:
        model = self.candidate_model(index)
        return lambda pair: likeliest(model, pair)

    def candidate_model(self, index: Index, *, degree: int = 2) -> LogisticModel:
        used = [self.pairs[at] for at in index if len(self.pairs[at].candidates)]
        return fit_model(
            np.concatenate([pair.candidates for pair in used]),
            np.concatenate([pair.candidate_hits for pair in used]).astype(int),
            np.concatenate([np.repeat(pair.patient, len(pair.candidates)) for pair in used]),
            features=attention.FEATURES,
            degree=degree,
            refits=0,
        )

    def floor(self, index: Index) -> SimilarityFloor:
        """Regress the similarity at 3.2 mm on the finer ones, over pairs only re-positioned."""
        unchanged = [self.pairs[at].similarity for at in index if not self.changed[at]]
        finer = np.array([[ssim[scale] for scale in FINER_MM] for ssim in unchanged])
        design = np.column_stack([np.ones(len(finer)), finer])
        headline = np.array([ssim[HEADLINE_MM] for ssim in unchanged])
        intercept, *weights = np.linalg.lstsq(design, headline)[0].round(5).tolist()
        return SimilarityFloor(intercept, dict(zip(FINER_MM, weights, strict=True)))

    def simulated(
        self,
        index: Index,
        refits: int = 0,
        *,
        features: tuple[str, ...] = UNMARKED_FEATURES[:-1],
    ) -> LogisticModel:
        """Fit the likeliest candidate and the drop of the similarity in the simulator."""
        floor = self.floor(index)
        measured = [
            unmarked_features(self.likeliest[at], self.pairs[at].similarity, floor=floor)
            for at in index
        ]
        return fit_model(
            np.array(measured)[:, : len(features)],
            self.changed[index].astype(int),
            self.patients[index],
            features=features,
            degree=1,
            refits=refits,
        )

    def whole(self, index: Index, refits: int = 0) -> LogisticModel:
        """Add what the similarity of the real pairs tells beyond the other features."""
        simulated = self.simulated(index, refits)
        features = self.features(index)
        real = np.array([features(each) for each in self.follow_ups])
        probability = simulated.probabilities(real[:, :-1])[0, :, 1]
        slope = similarity_slope(
            real[:, -1],
            np.array([each.changed for each in self.follow_ups]),
            log_odds=np.log(probability / (1 - probability)),
        )
        ssim = np.array([self.pairs[at].headline for at in index])
        return with_similarity(simulated, ssim, slope)

    def features(self, index: Index) -> Callable[[Seen], Matrix]:
        """Return what describes a pair, in the order of ``UNMARKED_FEATURES``."""
        candidates, floor = self.candidate_model(index), self.floor(index)
        return lambda pair: unmarked_features(
            likeliest(candidates, pair), pair.similarity, floor=floor
        )

    def probability(self, index: Index) -> Score:
        """Return the probability that a pair changed."""
        features, model = self.features(index), self.whole(index)
        return lambda pair: float(model.probabilities(features(pair))[0, 0, 1])


def with_similarity(
    simulated: LogisticModel, ssim: NDArray[np.float64], slope: float
) -> LogisticModel:
    """Add the similarity to the log odds, neutral at its median over ``ssim``."""
    weights = simulated.weights
    added = np.zeros((*weights.shape[:2], 1))
    added[:, 1] = slope
    return LogisticModel(
        UNMARKED_FEATURES,
        1,
        np.append(simulated.centre, np.median(ssim)),
        np.append(simulated.spread, 1.0),
        np.concatenate([weights, added], axis=-1),
    )


def likeliest(model: LogisticModel, pair: Seen) -> float:
    """Return the probability of the likeliest candidate; 0 without one."""
    if len(pair.candidates) == 0:
        return 0.0
    return float(model.probabilities(pair.candidates)[0, :, 1].max())
