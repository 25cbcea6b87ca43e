"""Writes of the patient record: each checks role, scope and rules, and leaves an audit entry."""

from mammotrack.errors import StaleVersion
from patients.services.consents import record_consent
from patients.services.emergency import (
    EMERGENCY_LASTS,
    break_glass,
    end_access,
    end_lapsed,
    review_access,
)
from patients.services.facts import (
    InvalidDates,
    check_open,
    claim_record,
    touch_record,
)
from patients.services.history import record_history, retract_history
from patients.services.identity import (
    IDENTITY_FIELDS,
    DuplicateRecordNumber,
    PossibleDuplicate,
    register_patient,
    update_patient,
)
from patients.services.keeping import (
    archive_patient,
    kept_until,
    lift_hold,
    place_hold,
    require_erasable,
    restore_patient,
)
from patients.services.merging import merge_patients, undo_merge
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
    "EMERGENCY_LASTS",
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
    "archive_patient",
    "break_glass",
    "check_open",
    "claim_record",
    "end_access",
    "end_lapsed",
    "kept_until",
    "lift_hold",
    "merge_patients",
    "place_hold",
    "record_consent",
    "record_course",
    "record_cycle",
    "record_history",
    "record_pathology",
    "register_patient",
    "require_erasable",
    "restore_patient",
    "retract_history",
    "review_access",
    "touch_record",
    "undo_merge",
    "update_patient",
]
