"""Writes of the patient record: each checks role, scope and rules, and leaves an audit entry."""

from patients.services.consents import record_consent
from patients.services.facts import InvalidDates, StaleVersion, claim_record
from patients.services.history import record_history, retract_history
from patients.services.identity import (
    IDENTITY_FIELDS,
    DuplicateRecordNumber,
    PossibleDuplicate,
    note_opened,
    register_patient,
    update_patient,
)
from patients.services.therapy import (
    COURSE_FIELDS,
    CYCLE_FIELDS,
    PATHOLOGY_FIELDS,
    DuplicateCycle,
    OverlappingCycles,
    amend_course,
    amend_cycle,
    amend_pathology,
    record_course,
    record_cycle,
    record_pathology,
)

__all__ = [
    "COURSE_FIELDS",
    "CYCLE_FIELDS",
    "IDENTITY_FIELDS",
    "PATHOLOGY_FIELDS",
    "DuplicateCycle",
    "DuplicateRecordNumber",
    "InvalidDates",
    "OverlappingCycles",
    "PossibleDuplicate",
    "StaleVersion",
    "amend_course",
    "amend_cycle",
    "amend_pathology",
    "claim_record",
    "note_opened",
    "record_consent",
    "record_course",
    "record_cycle",
    "record_history",
    "record_pathology",
    "register_patient",
    "retract_history",
    "update_patient",
]
