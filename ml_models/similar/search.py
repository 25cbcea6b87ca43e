"""From a prepared picture to the reference cases that look most like it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.decode import load_pixels
from analysis.imaging.errors import ImagingError
from analysis.imaging.likeness import structural_likeness
from ml_models.similar.reference import Features, Neighbour, ReferenceSet

SHOWN = 5
OTHER_MODEL = "reference_of_other_model"
NO_REFERENCE = "no_reference_of_this_view"
NOT_ASSESSABLE = "not_assessable"


@dataclass(frozen=True)
class SimilarCase:
    """A neighbour, with the structural similarity of its picture where that is at hand.

    Attributes
    ----------
    neighbour : Neighbour
    ssim : float or None
        Masked SSIM at 3.2 mm after registration; None without a picture, or when the outlines of
        the two breasts could not be laid on each other.
    """

    neighbour: Neighbour
    ssim: float | None

    def as_dict(self) -> dict[str, Any]:
        """What is kept and shown: plain values; no hash, no patient of the set."""
        case = self.neighbour.case
        return {
            "case": case.case,
            "dataset": case.dataset,
            "licence": case.licence,
            "attribution": case.attribution,
            "laterality": case.laterality,
            "view": case.view,
            "birads": case.birads,
            "pathology": case.pathology,
            "distance": round(self.neighbour.distance, 4),
            "ssim": None if self.ssim is None else round(self.ssim, 4),
            "picture": case.picture,
        }


@dataclass(frozen=True)
class SimilarFound:
    """The nearest cases, or the code of a reason why there are none."""

    cases: tuple[SimilarCase, ...]
    reason: str


def find_similar(
    prepared: PreparedBreast,
    *,
    features: Features | None,
    model_sha256: str,
    reference: ReferenceSet,
    known_pixels: Collection[str],
) -> SimilarFound:
    """The `SHOWN` nearest of the same breast and view, never of the query's own patient.

    Parameters
    ----------
    prepared : PreparedBreast
        With its laterality and view.
    features : (f,) float32 ndarray or None
        Of the picture, from the pass that classified it; None where there was no answer.
    model_sha256 : str
        Weights of the model that made them.
    reference : ReferenceSet
    known_pixels : collection of str
        Pixel hashes of all pictures of the patient.
    """
    if features is None:
        return SimilarFound((), NOT_ASSESSABLE)
    if reference.model_sha256 != model_sha256:
        return SimilarFound((), OTHER_MODEL)
    nearest = reference.nearest(
        features,
        laterality=prepared.laterality or "",
        view=prepared.view or "",
        known_pixels=known_pixels,
        count=SHOWN,
    )
    cases = tuple(SimilarCase(each, _likeness(prepared, each, reference)) for each in nearest)
    return SimilarFound(cases, "" if cases else NO_REFERENCE)


def _likeness(prepared: PreparedBreast, near: Neighbour, reference: ReferenceSet) -> float | None:
    path = reference.picture_path(near.case.case)
    if path is None:
        return None
    try:
        other = _prepared(path, near.case.laterality, near.case.view)
    except ImagingError:  # that picture is damaged or gone; this one is not
        return None
    return structural_likeness(prepared, other)


@lru_cache(maxsize=16)
def _prepared(path: Path, laterality: str, view: str) -> PreparedBreast:
    return prepare_breast(load_pixels(path), spacing_mm=None, laterality=laterality, view=view)
