"""Which role may do what: the one place that says it.

Scope (whose records) is the selectors' part: they filter by ``user.clinic_ids``.
"""

from enum import Enum, auto

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
    SIGN_DECISIONS = auto()
    RECORD_FINDINGS = auto()
    JUDGE_MODELS = auto()
    ACTIVATE_MODELS = auto()
    READ_AUDIT = auto()
    SEE_SYSTEM = auto()
    ERASE_PATIENTS = auto()


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
        {_P.JUDGE_MODELS, _P.ACTIVATE_MODELS, _P.READ_AUDIT, _P.SEE_SYSTEM, _P.ERASE_PATIENTS}
    ),
}


def permissions_of(user: User) -> frozenset[Permission]:
    return GRANTS[user.role] if user.is_active else frozenset()


def can(user: User, permission: Permission) -> bool:
    return permission in permissions_of(user)


def require(user: User, permission: Permission) -> None:
    """Raise ``Forbidden`` unless the user's role includes the permission."""
    if not can(user, permission):
        raise Forbidden("Your role does not allow this.", needed=permission.name.lower())
