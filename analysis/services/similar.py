"""Cases that look like a mammogram: searched for by the worker, once, and kept.

The reference set that is shipped, and what the clinic has itself of patients who consented to
research: pictures that the same model has seen, by the features it left on their rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.choices import OWN_CASES
from analysis.imaging.versions import PREPARATION_VERSION
from analysis.models import Finding, Prediction, SimilarCases
from ml_models.similar.reference import SEARCH_VERSION, ReferenceCase, ReferenceSet, reference_set
from patients.consents import patients_with_research_consent
from patients.selectors import newest_pathology
from scans.choices import Origin
from scans.models import Mammogram
from scans.services import object_store

if TYPE_CHECKING:
    from analysis.pipeline import Findings
    from ml_models.similar.search import SimilarFound

OWN_CASES_SEARCHED = 2000
"""The newest ones: 10 MB of features, read anew for every search."""

Features = NDArray[np.float32]


def stored_features(features: Features) -> bytes:
    return features.astype("<f2").tobytes()


def search_similar(mammogram: Mammogram, findings: Findings) -> SimilarFound:
    """Look through the reference set and the clinic's consented cases; for workers.

    None of the patient's own pictures may come back: not this one, and not another picture of a
    woman of the set whose picture is on record here.
    """
    from ml_models.similar.search import find_similar  # noqa: PLC0415 -- OpenCV

    of_patient = Mammogram.objects.filter(patient_id=mammogram.patient_id)
    return find_similar(
        findings.prepared,
        features=findings.explained.features,
        model_sha256=findings.model_sha256,
        reference=with_own_cases(reference_set(), mammogram),
        known_pixels=set(of_patient.values_list("pixel_sha256", flat=True)),
    )


def with_own_cases(reference: ReferenceSet, query: Mammogram) -> ReferenceSet:
    """The set and the acquired pictures of the query's position, of others who consented."""
    willing = patients_with_research_consent([query.clinic_id]) - {query.patient_id}
    seen = list(
        Prediction.objects.filter(
            patient_id__in=willing,
            mammogram__laterality=query.laterality,
            mammogram__view=query.view,
            mammogram__origin=Origin.ACQUIRED,
            model_sha256=reference.model_sha256,
            preparation_version=PREPARATION_VERSION,
            features__isnull=False,
        )
        .select_related("mammogram")
        .order_by("-created_at", "-pk")[:OWN_CASES_SEARCHED]
    )
    if not seen:
        return reference
    pathology = newest_pathology({each.patient_id for each in seen}, query.laterality)
    findings = Finding.objects.filter(mammogram__in=[each.mammogram_id for each in seen])
    assessments = dict(
        findings.exclude(assessment="")
        .order_by("created_at", "revision")
        .values_list("mammogram_id", "assessment")
    )
    cases, pictures = [], {}
    for each in seen:
        mammogram = each.mammogram
        name = str(mammogram.pk)
        pictures[name] = object_store().derived_path(mammogram.sha256, "pixels.png")
        cases.append(
            ReferenceCase(
                case=name,
                patient=str(each.patient_id),
                dataset=OWN_CASES,
                licence="consent to research",
                attribution="",
                laterality=mammogram.laterality,
                view=mammogram.view,
                birads=assessments.get(mammogram.pk, ""),
                density="",
                pathology=pathology.get(each.patient_id, "").lower(),
                pixel_sha256=mammogram.pixel_sha256,
                picture=False,
            )
        )
    features = [np.frombuffer(each.features or b"", "<f2") for each in seen]
    return reference.joined_by(cases, np.stack(features).astype(np.float32), pictures)


def keep_similar(
    mammogram: Mammogram, found: SimilarFound, *, model_version: str, model_sha256: str
) -> None:
    """Write what was found, unless the same search is on record."""
    versions = {
        "search_version": SEARCH_VERSION,
        "reference_sha256": reference_set().sha256,
        "model_sha256": model_sha256,
    }
    if SimilarCases.objects.filter(mammogram=mammogram, **versions).exists():
        return
    SimilarCases(
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        **versions,
        model_version=model_version,
        preparation_version=PREPARATION_VERSION,
        reason=found.reason,
        cases=[case.as_dict() for case in found.cases],
    ).save(force_insert=True)
