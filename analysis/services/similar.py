"""Reference cases that look like a mammogram: searched for by the worker, once, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.imaging.versions import PREPARATION_VERSION
from analysis.models import SimilarCases
from ml_models.similar.reference import SEARCH_VERSION, reference_set
from scans.models import Mammogram

if TYPE_CHECKING:
    from analysis.imaging.breast import PreparedBreast
    from ml_models.similar.search import SimilarFound


def search_similar(mammogram: Mammogram, prepared: PreparedBreast) -> SimilarFound:
    """Look through the reference set; for workers, it loads OpenVINO.

    None of the patient's own pictures may come back: not this one, and not another picture of a
    woman of the set whose picture is on record here.
    """
    from ml_models.similar.embedding import embedder  # noqa: PLC0415
    from ml_models.similar.search import find_similar  # noqa: PLC0415

    of_patient = Mammogram.objects.filter(patient_id=mammogram.patient_id)
    return find_similar(
        prepared,
        reference=reference_set(),
        embedder=embedder(),
        known_pixels=set(of_patient.values_list("pixel_sha256", flat=True)),
    )


def keep_similar(mammogram: Mammogram, found: SimilarFound, *, model_sha256: str) -> None:
    """Write what was found, unless the same search is on record."""
    reference = reference_set()
    versions = {
        "search_version": SEARCH_VERSION,
        "reference_sha256": reference.sha256,
        "model_sha256": model_sha256,
    }
    if SimilarCases.objects.filter(mammogram=mammogram, **versions).exists():
        return
    SimilarCases(
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        **versions,
        model_version=reference.model_version,
        preparation_version=PREPARATION_VERSION,
        reason=found.reason,
        cases=[case.as_dict() for case in found.cases],
    ).save(force_insert=True)
