"""Writes of the patient record: each checks role, scope and rules, and leaves an audit entry."""

from patients.services.facts import InvalidDates, claim_record
from patients.services.identity import (
    IDENTITY_FIELDS,
    DuplicateRecordNumber,
    PossibleDuplicate,
    StaleVersion,
    note_opened,
    register_patient,
    update_patient,
)
from patients.services.therapy import (
    DuplicateCycle,
    record_course,
    record_cycle,
    record_pathology,
)

__all__ = [
    "IDENTITY_FIELDS",
    "DuplicateCycle",
    "DuplicateRecordNumber",
    "InvalidDates",
    "PossibleDuplicate",
    "StaleVersion",
    "claim_record",
    "note_opened",
    "record_course",
    "record_cycle",
    "record_pathology",
    "register_patient",
    "update_patient",
]
