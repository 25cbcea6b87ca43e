"""What a doctor had before their eyes when signing, as a document that nothing changes later."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.models import BreastPrediction, Comparison, Prediction, Recommendation
    from scans.models import Mammogram

Document = dict[str, Any]


def evidence_of(recommendation: Recommendation) -> Document:
    """Everything the proposal rests on: pictures, findings, versions, rules and therapy."""
    return {
        "recommendation": str(recommendation.pk),
        "proposal": recommendation.proposal,
        "deciding_rule": recommendation.deciding_rule,
        "rules_version": recommendation.rules_version,
        "trace": recommendation.trace,
        "record": recommendation.record,
        "current": _picture(recommendation.current, recommendation.current_prediction),
        "prior": recommendation.prior
        and _picture(recommendation.prior, recommendation.prior_prediction),
        "comparison": recommendation.comparison and _comparison(recommendation.comparison),
    }


def breast_document(breast: BreastPrediction | None) -> Document | None:
    """What stood beside it: the breast as a whole, as far as its pictures were seen by then."""
    if breast is None:
        return None
    return {
        "id": str(breast.pk),
        "laterality": breast.laterality,
        "pictures": breast.pictures,
        "pictures_beside": breast.pictures_beside,
        "model_version": breast.model_version,
        "model_sha256": breast.model_sha256,
        "preparation_version": breast.preparation_version,
        "probabilities": breast.probabilities,
        "category": breast.category,
        "abstained": breast.abstained,
        "prediction_set": breast.prediction_set,
        "suspicious_probability": breast.suspicious_probability,
    }


def digest(document: Document) -> str:
    """SHA-256 of the document in one spelling: keys in order, no blanks, UTF-8."""
    spelled = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(spelled.encode()).hexdigest()


def _picture(mammogram: Mammogram, prediction: Prediction | None) -> Document:
    return {
        "mammogram": str(mammogram.pk),
        "sha256": mammogram.sha256,
        "pixel_sha256": mammogram.pixel_sha256,
        "laterality": mammogram.laterality,
        "view": mammogram.view,
        "exam_date": mammogram.exam_date.isoformat(),
        "prediction": prediction and _prediction(prediction),
    }


def _prediction(prediction: Prediction) -> Document:
    return {
        "id": str(prediction.pk),
        "model_version": prediction.model_version,
        "model_sha256": prediction.model_sha256,
        "preparation_version": prediction.preparation_version,
        "assessable": prediction.assessable,
        "reasons": prediction.reasons,
        "probabilities": prediction.probabilities,
        "category": prediction.category,
        "abstained": prediction.abstained,
        "prediction_set": prediction.prediction_set,
        "suspicious_probability": prediction.suspicious_probability,
    }


def _comparison(comparison: Comparison) -> Document:
    return {
        "id": str(comparison.pk),
        "algorithm_version": comparison.algorithm_version,
        "preparation_version": comparison.preparation_version,
        "comparable": comparison.comparable,
        "reason": comparison.reason,
        "verdict": comparison.verdict,
        "direction": comparison.direction,
        "ssim": comparison.ssim,
        "ssim_baseline": comparison.ssim_baseline,
        "change_probability": comparison.change_probability,
    }
