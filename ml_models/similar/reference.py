"""The reference set: features, labels, licence and origin of each picture.

What is shipped may be joined by a clinic's own cases, for one search."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ModelError
from ml_models.registry import load_arrays

FOLDER = Path(__file__).parent / "reference"
SEARCH_VERSION = "similar-1"
"""Cosine distance of centred features, same view and side; see `ReferenceSet.nearest`."""

Features = NDArray[np.float32]


@dataclass(frozen=True)
class ReferenceCase:
    """One picture of the set.

    Attributes
    ----------
    case : str
        ``<patient of the set>-<laterality>-<view>``; unique.
    patient : str
    dataset, licence, attribution : str
        Where it comes from and on which terms.
    laterality, view : str
    birads, density, pathology : str
        As the set has them; empty where it does not say.
    pixel_sha256 : str
        As ``scans`` hashes decoded pixels, so that a picture is known again.
    picture : bool
        Whether the picture itself is shipped with the set.
    """

    case: str
    patient: str
    dataset: str
    licence: str
    attribution: str
    laterality: str
    view: str
    birads: str
    density: str
    pathology: str
    pixel_sha256: str
    picture: bool


@dataclass(frozen=True)
class Neighbour:
    """A reference case and how far it lies from the query, 0 (alike) to 2."""

    case: ReferenceCase
    distance: float


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """All cases with their features.

    Attributes
    ----------
    cases : tuple of ReferenceCase
    features : (n, f) float32 ndarray
        See `ml_models.classifier.Explained`; row i belongs to case i.
    centre : (f,) float32 ndarray
        Mean of the shipped features, about which distances are measured.
    model_version, model_sha256, preparation_version : str
        What made the features. Those of another model cannot be compared with them.
    worth : dict
        What neighbours told of malignancy within the set when it was made (`measure.worth`):
        ``pictures``, ``neighbours``, ``auc`` [value, low, high] and ``chance`` [low, high].
    sha256 : str
        Of the manifest: it names the features by their own hash.
    pictures : dict of str to Path
        Where the picture of a case lies, as far as it is at hand.
    """

    cases: tuple[ReferenceCase, ...]
    features: Features
    centre: Features
    model_version: str
    model_sha256: str
    preparation_version: str
    worth: dict[str, Any]
    sha256: str
    pictures: Mapping[str, Path]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "ReferenceSet":
        """Read the set, once the hash of its features is proven.

        Raises
        ------
        ModelError
            ``reference_missing``, ``weights_missing`` or ``hash_mismatch``.
        """
        path = folder / "manifest.json"
        if not path.is_file():
            raise ModelError("There is no reference set.", code="reference_missing")
        stored = path.read_bytes()
        manifest = json.loads(stored)
        arrays = load_arrays(folder / "features.npz", sha256=manifest["features_sha256"])
        cases = tuple(ReferenceCase(**case) for case in manifest["cases"])
        features = arrays["features"].astype(np.float32)
        return cls(
            cases=cases,
            features=features,
            centre=features.mean(axis=0),
            model_version=manifest["model_version"],
            model_sha256=manifest["model_sha256"],
            preparation_version=manifest["preparation_version"],
            worth=manifest["worth"],
            sha256=hashlib.sha256(stored).hexdigest(),
            pictures={c.case: folder / "pictures" / f"{c.case}.jpg" for c in cases if c.picture},
        )

    def joined_by(
        self, cases: Collection[ReferenceCase], features: Features, pictures: Mapping[str, Path]
    ) -> "ReferenceSet":
        """The set with further cases, whose features the same model made."""
        return replace(
            self,
            cases=(*self.cases, *cases),
            features=np.concatenate([self.features, features]),
            pictures={**self.pictures, **pictures},
        )

    def nearest(
        self,
        query: Features,
        *,
        laterality: str,
        view: str,
        known_pixels: Collection[str],
        count: int,
    ) -> list[Neighbour]:
        """The cases that look most like a picture, nearest first.

        Parameters
        ----------
        query : (f,) float32 ndarray
        laterality, view : str
            Only cases of this breast and view are candidates.
        known_pixels : collection of str
            Pixel hashes of every picture of the query's patient: a patient of the set who has one
            of them is the same woman, and none of hers is a neighbour.
        count : int

        Returns
        -------
        list of Neighbour
            Fewer than `count`, or none, where the set has no more.
        """
        same_woman = {c.patient for c in self.cases if c.pixel_sha256 in known_pixels}
        at = [
            i
            for i, c in enumerate(self.cases)
            if (c.laterality, c.view) == (laterality, view) and c.patient not in same_woman
        ]
        distance = centred_distance(query[None], self.features[at], centre=self.centre)[0]
        return [
            Neighbour(self.cases[at[i]], float(distance[i]))
            for i in np.argsort(distance, kind="stable")[:count]
        ]

    def picture_path(self, case: str) -> Path | None:
        """Where the picture of a case lies; None where it is not at hand or unknown."""
        return self.pictures.get(case)


def centred_distance(queries: Features, others: Features, *, centre: Features) -> Features:
    """(q, f) and (n, f) features to (q, n) cosine distances about the (f,) `centre`.

    All breasts share most of their features; without a mean taken away every pair looks alike.
    """

    def directions(features: Features) -> Features:
        moved = features - centre
        return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)

    return np.asarray(1 - directions(queries) @ directions(others).T, np.float32)


def write_reference(
    folder: Path,
    *,
    cases: Collection[ReferenceCase],
    features: Features,
    **made_by: Any,
) -> None:
    """Write features (half precision) and the manifest that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "features.npz", features=features.astype(np.float16))
    manifest = {
        **made_by,
        "features_sha256": hashlib.sha256((folder / "features.npz").read_bytes()).hexdigest(),
        "cases": [asdict(case) for case in cases],
    }
    text = json.dumps(manifest, indent=1) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


@cache
def reference_set() -> ReferenceSet:
    """The shipped set, read once a process."""
    return ReferenceSet.load()
