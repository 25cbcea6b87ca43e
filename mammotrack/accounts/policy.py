"""Which role may do what, and with whose records: the one place that says it."""

from enum import Enum, auto

from django.db.models import Q

from mammotrack.accounts.models import Role, User
from mammotrack.errors import Forbidden


class Permission(Enum):
    READ_PATIENTS = auto()
    WRITE_PATIENTS = auto()
    WRITE_THERAPY = auto()
    RECORD_CONSENT = auto()
    MERGE_PATIENTS = auto()
    KEEP_RECORDS = auto()
    READ_SCANS = auto()
    UPLOAD_SCANS = auto()
    MATCH_FILES = auto()
    READ_ANALYSES = auto()
    REQUEST_ANALYSES = auto()
    MARK_LESIONS = auto()
    RECORD_READINGS = auto()
    SIGN_DECISIONS = auto()
    RECORD_FINDINGS = auto()
    JUDGE_MODELS = auto()
    ACTIVATE_MODELS = auto()
    READ_AUDIT = auto()
    SEE_SYSTEM = auto()
    ERASE_PATIENTS = auto()
    BREAK_GLASS = auto()


_P = Permission
GRANTS: dict[str, frozenset[Permission]] = {
    Role.RECEPTIONIST: frozenset({_P.READ_PATIENTS, _P.WRITE_PATIENTS, _P.RECORD_CONSENT}),
    Role.RADIOGRAPHER: frozenset(
        {
            _P.READ_PATIENTS,
            _P.WRITE_PATIENTS,
            _P.RECORD_CONSENT,
            _P.READ_SCANS,
            _P.UPLOAD_SCANS,
            _P.MATCH_FILES,
            _P.READ_ANALYSES,
            _P.SEE_SYSTEM,
        }
    ),
    Role.DOCTOR: frozenset(Permission) - {_P.READ_AUDIT, _P.ERASE_PATIENTS, _P.ACTIVATE_MODELS},
    Role.INTEGRATOR: frozenset(
        {
            _P.READ_PATIENTS,
            _P.WRITE_PATIENTS,
            _P.WRITE_THERAPY,
            _P.RECORD_CONSENT,
            _P.READ_SCANS,
            _P.UPLOAD_SCANS,
            _P.READ_ANALYSES,
            _P.REQUEST_ANALYSES,
        }
    ),
    Role.RESEARCHER: frozenset(),  # works on files and exports, never on the clinic's records
    # Keeps people and models and watches over the records, which are not the administrator's.
    Role.ADMIN: frozenset(
        {
            _P.JUDGE_MODELS,
            _P.ACTIVATE_MODELS,
            _P.READ_AUDIT,
            _P.SEE_SYSTEM,
            _P.ERASE_PATIENTS,
            _P.BREAK_GLASS,
        }
    ),
}
EMERGENCY = frozenset({_P.READ_PATIENTS, _P.READ_SCANS, _P.READ_ANALYSES})
"""What whoever breaks the glass may do with that one record: read."""


def permissions_of(user: User) -> frozenset[Permission]:
    if not user.is_active:
        return frozenset()
    return GRANTS[user.role] | EMERGENCY if user.emergency_patients else GRANTS[user.role]


def in_scope(user: User, *, patient: str = "patient_id") -> Q:
    """The rows of the user's clinics, and of the patients opened in an emergency.

    Parameters
    ----------
    patient : str
        The field that names the patient.
    """
    scope = Q(clinic_id__in=user.clinic_ids if _P.READ_PATIENTS in GRANTS[user.role] else [])
    if user.emergency_patients:
        scope |= Q(**{f"{patient}__in": list(user.emergency_patients)})
    return scope


def can(user: User, permission: Permission) -> bool:
    return permission in permissions_of(user)


def require(user: User, permission: Permission) -> None:
    """Raise ``Forbidden`` unless the user's role includes the permission."""
    if not can(user, permission):
        raise Forbidden("Your role does not allow this.", needed=permission.name.lower())
