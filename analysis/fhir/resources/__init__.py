"""One row of the record as one FHIR resource: plain dictionaries, nothing left empty.

What a computer found is ``preliminary``, names its device, and no person. What a doctor signed
is ``final`` and names the doctor. Every finding says which breast.
"""

from analysis.fhir.resources.doctors import (
    diagnostic_report,
    finding,
    provenance_of_decision,
    service_request,
)
from analysis.fhir.resources.imaging import imaging_study
from analysis.fhir.resources.machine import comparison, prediction, provenance_of_prediction
from analysis.fhir.resources.record import medication_administration, patient, procedure
from analysis.fhir.resources.trail import audit_event

__all__ = [
    "audit_event",
    "comparison",
    "diagnostic_report",
    "finding",
    "imaging_study",
    "medication_administration",
    "patient",
    "prediction",
    "procedure",
    "provenance_of_decision",
    "provenance_of_prediction",
    "service_request",
]
