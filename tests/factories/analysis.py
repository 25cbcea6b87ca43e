"""Jobs, findings, proposals and decisions as rows; nothing is computed."""

import hashlib
import uuid
from datetime import date
from typing import Any

from analysis.choices import JobState, Proposal, RecommendationStatus, SignatureMeaning
from analysis.evidence import digest, evidence_of
from analysis.guideline import RULES_VERSION
from analysis.models import (
    AnalysisJob,
    Arbitration,
    BreastPrediction,
    Comparison,
    Decision,
    LesionMark,
    Prediction,
    Reading,
    Recommendation,
    SimilarCases,
)
from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.models import now
from patients.models import Patient
from scans.choices import View
from scans.models import Exam, Mammogram
from tests.factories import create
from tests.factories.accounts import make_user
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.factories.scans import make_mammogram, make_pair

PREPARATION_VERSION = "preparation-test"


def make_job(
    current: Mammogram,
    *,
    prior: Mammogram | None = None,
    requested_by: User | None = None,
    **fields: Any,
) -> AnalysisJob:
    values = {"key": uuid.uuid4().hex, "state": JobState.QUEUED, "lease_until": now()} | fields
    return create(
        AnalysisJob,
        clinic_id=current.clinic_id,
        patient_id=current.patient_id,
        current=current,
        prior=prior,
        requested_by=requested_by or make_user(Role.DOCTOR),
        **values,
    )


def make_mark(mammogram: Mammogram, *, marked_by: User | None = None, **fields: Any) -> LesionMark:
    """A disc of 10 mm radius in the middle of a picture of the usual size and scale."""
    return create(
        LesionMark,
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        marked_by=marked_by or make_user(Role.DOCTOR),
        **{"x": 400.0, "y": 500.0, "radius": 100.0} | fields,
    )


def measured_lesion(
    prior_mm: float | None = 30.0, current_mm: float | None = 18.0, **fields: Any
) -> dict[str, Any]:
    """What a comparison keeps of a marked mass."""
    ratio = current_mm / prior_mm if prior_mm and current_mm else None
    return {
        "prior_mark": {"x": 400.0, "y": 500.0, "radius": 100.0},
        "current_mark": {"x": 410.0, "y": 505.0, "radius": 100.0},
        "prior_mm": prior_mm,
        "current_mm": current_mm,
        "prior_area_mm2": 612.5,
        "current_area_mm2": 240.25,
        "prior_contrast": 0.21,
        "current_contrast": 0.17,
        "still_visible": True,
        "size_ratio": ratio,
        "size_ratio_range": [ratio - 0.05, ratio + 0.05] if ratio else None,
    } | fields


def make_prediction(mammogram: Mammogram, **fields: Any) -> Prediction:
    values = {
        "mammogram_sha256": mammogram.sha256,
        "model_version": "model-test",
        "model_sha256": hashlib.sha256(b"model-test").hexdigest(),
        "preparation_version": PREPARATION_VERSION,
        "assessable": True,
        "reasons": [],
        "probabilities": {"2": 0.7, "3": 0.1, "4": 0.1, "5": 0.06, "6": 0.04},
        "category": "2",
        "abstained": False,
        "prediction_set": ["2"],
        "suspicious_probability": 0.2,
    } | fields
    return create(
        Prediction,
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        **values,
    )


def make_breast_prediction(exam: Exam, laterality: str = "L", **fields: Any) -> BreastPrediction:
    values = {
        "pictures": 2,
        "pictures_beside": 0,
        "pictures_key": uuid.uuid4().hex,
        "model_version": "model-test",
        "model_sha256": hashlib.sha256(b"model-test").hexdigest(),
        "preparation_version": PREPARATION_VERSION,
        "probabilities": {"2": 0.1, "3": 0.1, "4": 0.6, "5": 0.2, "6": 0.0},
        "category": "4",
        "abstained": False,
        "prediction_set": ["4", "5"],
        "suspicious_probability": 0.7,
    } | fields
    return create(
        BreastPrediction,
        clinic_id=exam.clinic_id,
        patient_id=exam.patient_id,
        exam=exam,
        laterality=laterality,
        **values,
    )


def make_comparison(*, prior: Mammogram, current: Mammogram, **fields: Any) -> Comparison:
    values = {
        "algorithm_version": "ssim-test",
        "preparation_version": PREPARATION_VERSION,
        "comparable": True,
        "reason": "",
        "ssim": 0.91,
        "ssim_baseline": 0.62,
        "change_probability": 0.05,
        "direction": "none",
        "verdict": "no_detectable_change",
        "registration": {"passed": True, "reason": None},
        "parts": {"luminance": 0.98, "contrast": 0.95, "structure": 0.97},
        "pictures_key": hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
    } | fields
    return create(
        Comparison,
        clinic_id=current.clinic_id,
        patient_id=current.patient_id,
        prior=prior,
        current=current,
        mark_key=values["mark"].pk.hex if values.get("mark") else "",
        **values,
    )


def make_recommendation(
    *, prior: Mammogram | None = None, current: Mammogram | None = None, **fields: Any
) -> Recommendation:
    """A finished job with everything it produced; without mammograms, of a new pair."""
    if current is None:
        prior, current = make_pair()
    job = fields.pop("job", None) or make_job(
        current, prior=prior, state=JobState.DONE, attempt=1, finished_at=now()
    )
    values = {
        "rules_version": RULES_VERSION,
        "proposal": Proposal.CONTINUE_CHEMOTHERAPY,
        "deciding_rule": "THERAPY-3",
        "trace": [
            {
                "rule": "THERAPY-3",
                "statement": "Nothing above applies: the therapy goes on as planned.",
                "inputs": {"therapy_record": "read"},
                "fired": True,
                "outcome": Proposal.CONTINUE_CHEMOTHERAPY.value,
                "decides": True,
            }
        ],
        "record": {
            "on_chemotherapy": True,
            "cycles_given": 4,
            "cycles_planned": 8,
            "malignancy_proven": True,
        },
    } | fields
    if "current_prediction" not in values:
        values["current_prediction"] = make_prediction(current)
    if prior and "prior_prediction" not in values:
        values["prior_prediction"] = make_prediction(prior)
    if prior and "comparison" not in values:
        values["comparison"] = make_comparison(prior=prior, current=current)
    return create(
        Recommendation,
        clinic_id=current.clinic_id,
        patient_id=current.patient_id,
        job=job,
        current=current,
        prior=prior,
        **values,
    )


def make_decision(recommendation: Recommendation | None = None, **fields: Any) -> Decision:
    """A signed decision; it accepts the proposal unless another ``choice`` is given."""
    recommendation = recommendation or make_recommendation()
    choice = fields.pop("choice", recommendation.proposal)
    follows = choice == recommendation.proposal
    values = {
        "reason": "" if follows else "Clinical examination says otherwise.",
        "signed_by": fields.pop("signed_by", None) or make_user(Role.DOCTOR),
    } | fields
    recommendation.status = (
        RecommendationStatus.ACCEPTED if follows else RecommendationStatus.OVERRIDDEN
    )
    recommendation.signature_count = 1
    recommendation.save(update_fields=["status", "signature_count"])
    evidence = evidence_of(recommendation)
    return create(
        Decision,
        clinic_id=recommendation.clinic_id,
        patient_id=recommendation.patient_id,
        recommendation=recommendation,
        choice=choice,
        follows_proposal=follows,
        meaning=SignatureMeaning.APPROVED if follows else SignatureMeaning.OVERRIDDEN,
        evidence=evidence,
        evidence_sha256=digest(evidence),
        **values,
    )


def make_similar_cases(mammogram: Mammogram, **fields: Any) -> SimilarCases:
    values = {
        "search_version": "similar-test",
        "reference_sha256": hashlib.sha256(b"reference").hexdigest(),
        "model_version": "model-test",
        "model_sha256": hashlib.sha256(b"model-test").hexdigest(),
        "preparation_version": PREPARATION_VERSION,
        "cases": [
            {
                "case": "cdd0-L-CC",
                "dataset": "CDD-CESM",
                "licence": "CC BY 4.0",
                "attribution": "Khaled R. et al. (2021), doi:10.7937/29kw-ae92",
                "laterality": "L",
                "view": "CC",
                "birads": "5",
                "pathology": "malignant",
                "distance": 0.412,
                "ssim": None,
                "picture": False,
            }
        ],
    } | fields
    return create(
        SimilarCases,
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        **values,
    )


def make_reading(
    mammogram: Mammogram, *, reader: User | None = None, category: str = "2", **fields: Any
) -> Reading:
    """A doctor's category of the breast on this picture, which was all that was looked at."""
    values = {"revision": 1, "pictures": [mammogram.pk.hex]} | fields
    return create(
        Reading,
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        exam_id=mammogram.exam_id,
        laterality=mammogram.laterality,
        category=category,
        reader=reader or make_user(Role.DOCTOR),
        **values,
    )


def make_arbitration(
    mammogram: Mammogram, *, category: str = "3", reason: str = "Grouped calcifications."
) -> Arbitration:
    return create(
        Arbitration,
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        exam_id=mammogram.exam_id,
        laterality=mammogram.laterality,
        category=category,
        reason=reason,
        arbiter=make_user(Role.DOCTOR),
    )


def make_read_patient(clinic: Clinic) -> Patient:
    """A woman under therapy with six scans, each read against the one before, and signed."""
    patient = make_patient(clinic)
    course = make_course(patient)
    for number in range(1, 5):
        make_cycle(course, number=number, given_date=date(2024, number, 10))
    make_pathology(patient)
    for view in (View.CC, View.MLO):
        prior = told = None
        for day in (date(2023, 1, 5), date(2024, 1, 5), date(2024, 7, 5)):
            current = make_mammogram(patient, exam_date=day, view=view)
            found = make_prediction(current)
            make_decision(
                make_recommendation(
                    prior=prior,
                    current=current,
                    current_prediction=found,
                    prior_prediction=told,
                )
            )
            prior, told = current, found
    return patient
