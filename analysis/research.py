"""What may leave the clinic for research: rows without a name, of those who agreed to it.

Nobody's identity, no free text, no id of ours and no true date is in it. Each patient gets a
pseudonym and a shift of all dates by the same number of days, so that what lies between two of
them stays true; both are made with a secret of this one export, which is thrown away with it:
two exports cannot be joined, and none can be led back.
"""

import hmac
import json
import secrets
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from analysis.models import Comparison, Decision, Prediction
from mammotrack.accounts.models import Clinic, User
from mammotrack.audit.models import Action
from mammotrack.audit.services import record
from patients.consents import patients_with_research_consent
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from patients.partial_dates import age_on
from scans.models import Mammogram

LONGEST_SHIFT_DAYS = 365
AT_ONCE = 50
OLDEST_TOLD = 89  # beyond, an age alone may tell who it is (45 CFR 164.514)

Row = dict[str, Any]


def export_lines(clinic: Clinic, *, exported_by: User | None) -> Iterator[str]:
    """NDJSON, with few patients in memory at a time; the trail says of whom before that."""
    willing = sorted(patients_with_research_consent([clinic.pk]))
    record(
        Action.RESEARCH_EXPORTED,
        subject=clinic,
        clinic_id=clinic.pk,
        actor=exported_by,
        patients=[patient_id.hex for patient_id in willing],
    )
    secret = secrets.token_bytes(32)
    for start in range(0, len(willing), AT_ONCE):
        some = willing[start : start + AT_ONCE]
        for patient in Patient.objects.filter(pk__in=some, merged_into=None).order_by("pk"):
            for row in _rows(patient, _Veil(secret, patient.pk)):
                yield json.dumps(row, separators=(",", ":"))


class _Veil:
    """What stands for one patient in this export: pseudonyms and shifted dates."""

    def __init__(self, secret: bytes, patient_id: UUID) -> None:
        self._key = hmac.digest(secret, patient_id.bytes, sha256)
        self.subject = self.name(patient_id)
        number = int.from_bytes(hmac.digest(self._key, b"shift", sha256)[:8], "big")
        self._shift = timedelta(days=1 + number % LONGEST_SHIFT_DAYS)

    def name(self, key: UUID) -> str:
        return hmac.digest(self._key, key.bytes, sha256).hex()[:16]

    def day(self, day: date | None) -> str | None:
        return (day - self._shift).isoformat() if day else None


def _rows(patient: Patient, veil: _Veil) -> Iterator[Row]:
    yield {"kind": "patient", "subject": veil.subject, "sex": patient.sex}
    for parts in (_therapy, _pathology, _mammograms, _comparisons, _decisions):
        for row in parts(patient, veil):
            yield {"kind": row.pop("kind"), "subject": veil.subject} | row


def _therapy(patient: Patient, veil: _Veil) -> Iterator[Row]:
    for course in TherapyCourse.objects.filter(patient=patient).order_by("start_date", "pk"):
        yield {
            "kind": "therapy_course",
            "course": veil.name(course.pk),
            "therapy": course.kind,
            "intent": course.intent,
            "planned_cycles": course.planned_cycles,
            "started": veil.day(course.start_date),
            "ended": veil.day(course.end_date),
            "stop_reason": course.stop_reason,
        }
    for cycle in TherapyCycle.objects.filter(patient=patient).order_by("given_date", "pk"):
        yield {
            "kind": "cycle",
            "course": veil.name(cycle.course_id),
            "number": cycle.number,
            "given": veil.day(cycle.given_date),
            "dose_percent": cycle.dose_percent,
            "dose_reason": cycle.dose_reason,
        }


def _pathology(patient: Patient, veil: _Veil) -> Iterator[Row]:
    for report in PathologyReport.objects.filter(patient=patient).order_by("report_date", "pk"):
        yield {
            "kind": "pathology_report",
            "reported": veil.day(report.report_date),
            "laterality": report.laterality,
            "result": report.result,
            "histology": report.histology,
            "grade": report.grade,
            "estrogen_receptor": report.estrogen_receptor,
            "progesterone_receptor": report.progesterone_receptor,
            "her2": report.her2,
            "ki67_percent": report.ki67_percent,
        }


def _mammograms(patient: Patient, veil: _Veil) -> Iterator[Row]:
    for mammogram in Mammogram.objects.filter(patient=patient).order_by("exam_date", "pk"):
        yield {
            "kind": "mammogram",
            "mammogram": veil.name(mammogram.pk),
            "taken": veil.day(mammogram.exam_date),
            "age": _age(patient, mammogram.exam_date),
            "laterality": mammogram.laterality,
            "view": mammogram.view,
            "pixel_spacing_mm": mammogram.pixel_spacing_mm,
        }
    for prediction in Prediction.objects.filter(patient=patient).order_by("created_at", "pk"):
        yield {
            "kind": "prediction",
            "mammogram": veil.name(prediction.mammogram_id),
            "model_version": prediction.model_version,
            "category": prediction.category,
            "suspicious_probability": prediction.suspicious_probability,
        }


def _age(patient: Patient, day: date) -> str:
    age = str(age_on(patient.born, day))
    oldest = age.rpartition("–")[2]
    return age if int(oldest) <= OLDEST_TOLD else f"{OLDEST_TOLD + 1}+"


def _comparisons(patient: Patient, veil: _Veil) -> Iterator[Row]:
    for comparison in Comparison.objects.filter(patient=patient).order_by("created_at", "pk"):
        yield {
            "kind": "comparison",
            "prior": veil.name(comparison.prior_id),
            "current": veil.name(comparison.current_id),
            "algorithm_version": comparison.algorithm_version,
            "comparable": comparison.comparable,
            "ssim": comparison.ssim,
            "change_probability": comparison.change_probability,
            "verdict": comparison.verdict,
        }


def _decisions(patient: Patient, veil: _Veil) -> Iterator[Row]:
    found = Decision.objects.filter(patient=patient).select_related("recommendation")
    for decision in found.order_by("signed_at", "pk"):
        yield {
            "kind": "decision",
            "current": veil.name(decision.recommendation.current_id),
            "signed": veil.day(decision.signed_at.date()),
            "choice": decision.choice,
            "follows_proposal": decision.follows_proposal,
        }
