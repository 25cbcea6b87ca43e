"""Fitting linear heads: a softmax over the classes, and one severity with cuts between them.

There are fewer images than features, so every fit runs in the space the images span: the same
solution, many times faster. A head that is chosen step by step comes with the
curves of its inner folds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from ml_models.fitting import Curves, class_weights
from ml_models.metrics import class_figures, confusion_counts, overall_figures, quadratic_kappa

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Folds = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]

STRENGTHS = (1e-3, 3e-3, 1e-2)
"""Inverse regularisation strengths of the softmax that inner folds choose from."""
SEVERITY_STRENGTH = 1e-3
FLOOR_STRENGTH = 1e-2
EVIDENCE_FEATURES = 2
"""How many features behind the pooled maps are evidence of the patch scorer."""
SOLVER_STEPS = 1000
NEVER_SEEN = -30.0
"""Bias of a class without a training image."""
_SMALLEST_SHARE = 1e-10
"""Of the largest eigenvalue: directions below it are rounding."""
_CUT_QUANTILES = np.linspace(0.2, 0.97, 22)


@dataclass(frozen=True, eq=False)
class Head:
    """Kernel (features, classes) and bias (classes,), float32 as they are shipped."""

    kernel: Features
    bias: Features

    def logits(self, features: Features) -> Floats:
        """(n, copies, features) to (n, classes), averaged over the copies."""
        return np.asarray((features @ self.kernel + self.bias).mean(axis=1), np.float64)


HeadFit = Callable[[Features, Labels, int, Folds], tuple[Head, Curves]]
"""Features (n, copies, features), labels, number of classes, inner folds to head and curves."""


def fit_softmax(
    features: Features, labels: Labels, classes: int, inner: Folds
) -> tuple[Head, Curves]:
    """Balanced softmax regression; inner folds choose the regularisation by quadratic kappa."""
    curves: Curves = {"inverse_strength": list(STRENGTHS), "kappa": [], "val_kappa": []}
    spans = [_span(features[a]) for a, _ in inner]
    for strength in STRENGTHS:
        heads = [
            _softmax(span, labels[a], classes, strength)
            for span, (a, _) in zip(spans, inner, strict=True)
        ]
        for curve, side in (("kappa", 0), ("val_kappa", 1)):
            at = [fold[side] for fold in inner]
            logits = [head.logits(features[i]) for head, i in zip(heads, at, strict=True)]
            answer = np.concatenate(logits).argmax(axis=1)
            counts = _counts(labels[np.concatenate(at)], answer, classes)
            curves[curve].append(float(overall_figures(counts)["quadratic_kappa"][0]))
    best = STRENGTHS[int(np.argmax(curves["val_kappa"]))]
    return _softmax(_span(features), labels, classes, best), curves


def fit_floor(
    features: Features, labels: Labels, classes: int, inner: Folds
) -> tuple[Head, Curves]:
    """Plain logistic regression: nothing balanced, nothing chosen."""
    return _softmax(_span(features), labels, classes, FLOOR_STRENGTH, balanced=False), {}


def severity_fit(*, suspicious: NDArray[np.bool_], evidence: bool) -> HeadFit:
    """Make a fit of one severity, cut into classes where inner folds say.

    The severity is the mean of balanced logistic regressions of "this suspicious class or higher",
    plus, with `evidence`, what the patch scorer finds: all three standardised, with fixed weights.
    The logits of class k are k times the severity less the sum of the cuts below, so that the most
    probable class changes at each cut.

    Parameters
    ----------
    suspicious : (classes,) bool ndarray
    evidence : bool
        Whether the last two features are evidence of the patch scorer.

    References
    ----------
    Anderson (1984), Regression and ordered categorical variables (the stereotype model).
    """
    boundaries = np.flatnonzero(suspicious)

    def fit(features: Features, labels: Labels, classes: int, inner: Folds) -> tuple[Head, Curves]:
        severities, truth = [], []
        for train, held_out in inner:
            slope, offset = _severity(features[train], labels[train], boundaries, evidence=evidence)
            severities.append((features[held_out] @ slope).mean(axis=1) + offset)
            truth.append(labels[held_out])
        cuts = _cuts(np.concatenate(severities), np.concatenate(truth), suspicious)
        slope, offset = _severity(features, labels, boundaries, evidence=evidence)
        rank = np.arange(classes)
        bias = rank * offset - np.concatenate([[0.0], np.cumsum(cuts)])
        return Head(np.outer(slope, rank).astype(np.float32), bias.astype(np.float32)), {}

    return fit


def _severity(
    features: Features, labels: Labels, boundaries: NDArray[np.int64], *, evidence: bool
) -> tuple[Floats, float]:
    """Slope by feature and offset of the severity, mean 0 and deviation 1 where it was fitted."""
    split = features.shape[-1] - (EVIDENCE_FEATURES if evidence else 0)
    appearance, found = features[..., :split], features[..., split:].astype(np.float64)
    span, slopes = _span(appearance), []
    for boundary in boundaries:
        above = (labels >= boundary).astype(np.int64)
        if above.min() < above.max():
            kernel, _ = _logistic(span, above, 2, SEVERITY_STRENGTH)
            slopes.append(kernel[:, 1] - kernel[:, 0])
    slope = np.concatenate([np.mean(slopes, axis=0), np.zeros(features.shape[-1] - split)])
    slope /= (appearance @ slope[:split]).std()
    if evidence:
        deviation = found.std(axis=(0, 1))
        together = (found / deviation).sum(axis=-1).std()
        slope[split:] = 1 / (deviation * together)
    severity = features @ slope
    return slope / severity.std(), float(-severity.mean() / severity.std())


def _cuts(severity: Floats, truth: Labels, suspicious: NDArray[np.bool_]) -> Floats:
    """Cuts between the classes that maximise the suspicious classes' mean recall plus kappa.

    Kappa alone would never answer a class as rare as 4; the recall of those that call for a biopsy
    is what is missing most where it is.
    """
    cuts = len(suspicious) - 1
    bounds = np.concatenate([[-np.inf], np.quantile(severity, _CUT_QUANTILES), [np.inf]])
    above = severity[:, None] >= bounds
    reached = np.array([above[truth == each].sum(axis=0) for each in range(cuts + 1)], np.float64)
    places = np.array(list(combinations_with_replacement(range(1, len(bounds) - 1), cuts)))
    ends = np.pad(places, ((0, 0), (1, 1)), constant_values=((0, 0), (0, len(bounds) - 1)))
    counts = -np.diff(reached[:, ends]).transpose(1, 0, 2)  # of each class, between two bounds
    recall = np.nanmean(class_figures(counts)["recall"][:, suspicious], axis=1)
    return bounds[places[np.argmax(recall + quadratic_kappa(counts))]]


def _softmax(
    span: "_Span", labels: Labels, classes: int, strength: float, *, balanced: bool = True
) -> Head:
    kernel, bias = _logistic(span, labels, classes, strength, balanced=balanced)
    return Head(kernel.astype(np.float32), bias.astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Span:
    """Standardised features in the space their rows span.

    Attributes
    ----------
    coordinates : (n copies, rank) float64 ndarray
    back : (rank, features) float64 ndarray
        From a slope there to one on the features as they came.
    mean : (features,) float64 ndarray
    copies : int
    """

    coordinates: Floats
    back: Floats
    mean: Floats
    copies: int


def _span(features: Features) -> _Span:
    """(n, copies, features) to the space they span: an eigenproblem as small as n copies."""
    rows = features.reshape(-1, features.shape[-1]).astype(np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    deviation[deviation == 0] = 1.0
    standard = (rows - mean) / deviation
    values, vectors = np.linalg.eigh(standard @ standard.T)
    kept = values > _SMALLEST_SHARE * values[-1]
    scale, vectors = np.sqrt(values[kept]), vectors[:, kept]
    back = (vectors / scale).T @ standard / deviation
    return _Span(vectors * scale, back, mean, features.shape[1])


def _logistic(
    span: _Span, labels: Labels, classes: int, strength: float, *, balanced: bool = True
) -> tuple[Floats, Floats]:
    """Fit in the span, then express kernel and bias on the features as they came."""
    from sklearn.linear_model import LogisticRegression

    targets = np.repeat(labels, span.copies)
    model = LogisticRegression(C=strength, max_iter=SOLVER_STEPS)
    weights = class_weights(targets, classes=classes)[targets] if balanced else None
    model.fit(span.coordinates, targets, sample_weight=weights)
    slopes, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # then scikit-learn gives their difference
        slopes, intercepts = (np.concatenate([-half, half]) / 2 for half in (slopes, intercepts))
    kernel = np.zeros((len(span.mean), classes))
    bias = np.full(classes, NEVER_SEEN)
    kernel[:, model.classes_] = (slopes @ span.back).T
    bias[model.classes_] = intercepts - span.mean @ kernel[:, model.classes_]
    return kernel, bias


def _counts(truth: Labels, answer: NDArray[np.int64], classes: int) -> Floats:
    return confusion_counts(
        truth=truth, predicted=answer, classes=classes, weights=np.ones((1, len(truth)))
    )
