"""``python -m ml_models.similar.measure``: do pictures that look alike share a diagnosis?

Each picture is scored by the labels of its nearest neighbours among other patients, same breast and
view. The AUC of that score says what the neighbours tell; 0.5 is nothing.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml_models.classifier import Classifier
from ml_models.dataset import Sample
from ml_models.errors import ModelError
from ml_models.evaluate import DEFAULT_OUTPUT
from ml_models.metrics import Figure, auc, figure, patient_draws
from ml_models.readers import read_table, research_data_folder
from ml_models.similar.embedded import Embedded, column_of, embed_samples
from ml_models.similar.reference import centred_distance
from ml_models.similar.search import SHOWN

NEIGHBOURS = (SHOWN, 10, 20)
SHUFFLES = 200
MALIGNANT = ("malignant", "mixed")

Labels = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Assessable pictures of one set with a yes/no label."""

    samples: tuple[Sample, ...]
    features: NDArray[np.float32]
    positive: Labels

    @property
    def patients(self) -> list[str]:
        return [sample.patient for sample in self.samples]


@dataclass(frozen=True)
class Worth:
    """What neighbours tell about a label.

    Attributes
    ----------
    auc : Figure
        Interval by resampling patients.
    chance : tuple of float
        2.5 and 97.5 percentiles of the AUC when the labels of the neighbours are shuffled.
    """

    neighbours: int
    auc: Figure
    chance: tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what similar cases tell.")
    parser.add_argument("--data", type=Path, default=research_data_folder())
    parser.add_argument("--cache", type=Path, default=DEFAULT_OUTPUT)
    options = parser.parse_args()
    try:
        model = Classifier.load()
        contrast, inbreast = (
            _labelled(options.data / name / "labels.csv", model, cache=options.cache)
            for name in ("cdd_cesm", "inbreast")
        )
    except (ModelError, FileNotFoundError) as error:
        sys.exit(str(error))
    print(f"Features of {model.version}, same breast and view, never the same patient.")
    print(
        "AUC of the share of positive neighbours, nearer ones counting more; in brackets the 95 %"
    )
    print("interval (patients resampled), then the 95 % range of chance (shuffled neighbours).\n")
    for title, queries, reference in (
        ("CDD-CESM in CDD-CESM, malignant by pathology", contrast, contrast),
        ("INbreast in INbreast, BI-RADS 4 or higher (it has no pathology)", inbreast, inbreast),
        (
            "INbreast CC in CDD-CESM, as in serving: BI-RADS 4 or higher by neighbours' pathology",
            only_view(inbreast, "CC"),
            contrast,
        ),
    ):
        print(
            f"{title}: {len(queries.samples)} pictures of {len(set(queries.patients))} patients, "
            f"{int(queries.positive.sum())} positive"
        )
        for count in NEIGHBOURS:
            found = worth(queries, reference, neighbours=count)
            low, high = found.chance
            print(f"  {count:>2} neighbours  AUC {found.auc}   chance [{low:.3f}, {high:.3f}]")
        print()


def worth(queries: Labelled, reference: Labelled, *, neighbours: int) -> Worth:
    """Score every query by its neighbours' labels and hold that against its own."""
    nearest, weights = _neighbours(queries, reference, count=neighbours)
    draws = patient_draws(queries.patients)

    def score(labels: Labels) -> Floats:
        """Share of positive neighbours; of all, for a picture whose position nobody else has."""
        total = weights.sum(axis=1)
        share = (labels[nearest] * weights).sum(axis=1) / np.where(total > 0, total, 1)
        return np.where(total > 0, share, labels.mean())

    rng = np.random.default_rng(0)
    once = np.ones((1, len(queries.samples)))
    by_chance = [
        auc(
            positive=queries.positive,
            score=score(rng.permutation(reference.positive)),
            weights=once,
        )[0]
        for _ in range(SHUFFLES)
    ]
    low, high = np.percentile(by_chance, [2.5, 97.5])
    figures = auc(positive=queries.positive, score=score(reference.positive), weights=draws)
    return Worth(neighbours, figure(figures), (float(low), float(high)))


def _neighbours(
    queries: Labelled, reference: Labelled, *, count: int
) -> tuple[NDArray[np.int64], Floats]:
    """(n, count) indices into `reference`, nearest first, and how much each counts."""
    distance = centred_distance(
        queries.features, reference.features, centre=reference.features.mean(axis=0)
    ).astype(np.float64)
    for row, query in enumerate(queries.samples):
        for column, other in enumerate(reference.samples):
            if query.patient == other.patient or _position(query) != _position(other):
                distance[row, column] = np.inf
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :count]
    near = np.take_along_axis(distance, nearest, axis=1)
    return nearest, np.where(np.isfinite(near), 1 / (near + 1e-6), 0.0)


def only_view(labelled: Labelled, view: str) -> Labelled:
    kept = [i for i, sample in enumerate(labelled.samples) if sample.view == view]
    return Labelled(
        tuple(labelled.samples[i] for i in kept), labelled.features[kept], labelled.positive[kept]
    )


def _labelled(table: Path, model: Classifier, *, cache: Path) -> Labelled:
    samples = read_table(table, source=table.parent.name)
    embedded = embed_samples(samples, model, cache=cache)
    return label(embedded, pathology=column_of(table, "pathology"))


def label(embedded: Embedded, *, pathology: dict[str, str]) -> Labelled:
    """Malignant by pathology where the set has any, else BI-RADS 4 or higher."""
    kept = np.flatnonzero(embedded.assessable)
    samples = tuple(embedded.samples[i] for i in kept)
    known = any(pathology.values())
    positive = [pathology[s.name] in MALIGNANT if known else int(s.category) >= 4 for s in samples]
    return Labelled(samples, embedded.features[kept], np.array(positive))


def _position(sample: Sample) -> tuple[str | None, str | None]:
    return sample.laterality, sample.view


if __name__ == "__main__":
    main()
