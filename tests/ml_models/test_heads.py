from itertools import combinations_with_replacement

import numpy as np
import pytest

from ml_models.heads import fit_floor, fit_softmax, severity_fit
from ml_models.metrics import class_figures, confusion_counts, quadratic_kappa

RNG = np.random.default_rng(4)
LABELS = RNG.integers(0, 4, 240)
FEATURES = (LABELS[:, None, None] + RNG.normal(size=(240, 1, 12))).astype(np.float32)
EVIDENCE = (LABELS[:, None, None] + RNG.normal(size=(240, 1, 2))).astype(np.float32)
INNER = [(np.flatnonzero(np.arange(240) % 3 != k), np.arange(k, 240, 3)) for k in range(3)]
SUSPICIOUS = np.array([False, False, True, True])


def severity(features, *, evidence, labels=LABELS, suspicious=SUSPICIOUS):
    fit = severity_fit(suspicious=suspicious, evidence=evidence)
    return fit(features, labels, len(suspicious), INNER)[0]


@pytest.mark.parametrize(
    "fit", [fit_floor, fit_softmax, severity_fit(suspicious=SUSPICIOUS, evidence=False)]
)
def test_head_learns_ordered_classes(fit):
    head, _ = fit(FEATURES, LABELS, 4, INNER)
    assert np.mean(head.logits(FEATURES).argmax(axis=1) == LABELS) > 0.6


def test_logits_of_the_severity_rise_with_the_class_by_one_slope():
    logits = severity(FEATURES, evidence=False).logits(FEATURES)
    steps = np.diff(logits, axis=1)
    spread = steps - steps.mean(axis=0)
    assert spread[:, 0] == pytest.approx(spread[:, 1], abs=1e-4)
    assert spread[:, 0] == pytest.approx(spread[:, 2], abs=1e-4)


def test_every_class_is_answered_between_its_cuts():
    answers = severity(FEATURES, evidence=False).logits(FEATURES).argmax(axis=1)
    assert set(answers.tolist()) == {0, 1, 2, 3}


def test_no_other_cuts_do_better():
    """Tried one after the other, between a fifth of the women and all but three of a hundred."""
    everyone = np.arange(len(LABELS))
    fit = severity_fit(suspicious=SUSPICIOUS, evidence=False)
    head, _ = fit(FEATURES, LABELS, 4, [(everyone, everyone)])
    along = FEATURES[:, 0] @ head.kernel[:, 1]

    def value(cuts) -> float:
        counts = confusion_counts(
            truth=LABELS,
            predicted=(along[:, None] >= cuts).sum(axis=1),
            classes=4,
            weights=np.ones((1, len(LABELS))),
        )
        return class_figures(counts)["recall"][0, SUSPICIOUS].mean() + quadratic_kappa(counts)[0]

    candidates = np.quantile(along, np.linspace(0.2, 0.97, 22))
    best = max(value(np.array(each)) for each in combinations_with_replacement(candidates, 3))
    assert value(-np.diff(head.bias)) == pytest.approx(best)


def test_evidence_counts_as_much_as_appearance():
    both = np.concatenate([FEATURES, EVIDENCE], axis=2)
    head = severity(both, evidence=True)
    parts = [both[:, 0, s] @ head.kernel[s, 1] for s in (slice(-2), slice(-2, None))]
    assert parts[0].std() == pytest.approx(parts[1].std(), rel=1e-3)


def test_another_set_of_classes_is_another_head_on_the_same_features():
    labels = np.minimum(LABELS + (LABELS == 3) * RNG.integers(0, 2, 240), 4)
    head = severity(
        FEATURES,
        evidence=False,
        labels=labels,
        suspicious=np.array([False, False, True, True, True]),
    )
    assert head.logits(FEATURES).shape == (240, 5)
