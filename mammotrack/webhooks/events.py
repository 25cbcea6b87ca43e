"""What a clinic's programs can be told of: acts of the audit trail, by the names it gives them."""

from mammotrack.audit.models import Action

EVENTS = tuple(
    action.value
    for action in (
        Action.PATIENT_REGISTERED,
        Action.PATIENT_UPDATED,
        Action.PATIENT_MERGED,
        Action.PATIENT_UNMERGED,
        Action.PATIENT_ARCHIVED,
        Action.PATIENT_RESTORED,
        Action.PATIENT_ERASED,
        Action.CONSENT_RECORDED,
        Action.MAMMOGRAM_STORED,
        Action.ANALYSIS_REQUESTED,
        Action.ANALYSIS_DONE,
        Action.ANALYSIS_FAILED,
        Action.DECISION_SIGNED,
        Action.DECISION_AMENDED,
        Action.DECISION_COUNTERSIGNED,
        Action.FINDING_RECORDED,
    )
)
