"""One answer for each breast from all pictures of an exam, as soon as there is more than one.

The network has seen every picture by itself and left its logits on the rows; fusing them takes
no second look. Jobs of one exam end in any order: each adds what the pictures so far say together.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

import numpy as np

from analysis.imaging.versions import PREPARATION_VERSION
from analysis.models import BreastPrediction, Prediction


def keep_breasts(exam_id: UUID, model_version: str) -> None:
    """Write what the pictures of an exam say together, unless it is on record; for workers."""
    from analysis.inference import classifier  # noqa: PLC0415 -- OpenVINO

    model = classifier(model_version)
    seen = [
        prediction
        for prediction in Prediction.objects.filter(
            mammogram__exam_id=exam_id,
            model_version=model_version,
            preparation_version=PREPARATION_VERSION,
        ).select_related("mammogram")
        if prediction.logits
    ]
    if len(seen) < 2 or not model.fuses:
        return
    pictures = "\n".join(sorted(prediction.mammogram_id.hex for prediction in seen))
    key = hashlib.sha256(pictures.encode()).hexdigest()
    for laterality in sorted({prediction.mammogram.laterality for prediction in seen}):
        row = {
            "exam_id": exam_id,
            "laterality": laterality,
            "pictures_key": key,
            "model_version": model_version,
            "preparation_version": PREPARATION_VERSION,
        }
        if BreastPrediction.objects.filter(**row).exists():
            continue
        own = [each for each in seen if each.mammogram.laterality == laterality]
        other = [each for each in seen if each.mammogram.laterality != laterality]
        found = model.fuse(
            [np.array(each.logits) for each in own], [np.array(each.logits) for each in other]
        )
        BreastPrediction(
            **row,
            clinic_id=own[0].clinic_id,
            patient_id=own[0].patient_id,
            pictures=len(own),
            pictures_beside=len(other),
            model_sha256=model.sha256,
            probabilities=found.probabilities,
            category=found.category or "",
            abstained=found.abstained,
            prediction_set=list(found.prediction_set),
            suspicious_probability=found.suspicious_probability,
        ).save(force_insert=True)
