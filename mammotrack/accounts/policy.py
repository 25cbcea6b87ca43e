"""Which role may do what, with whose records, and what of it a key can be let do."""

from collections.abc import Collection
from enum import Enum, auto

from django.db.models import Q, TextChoices

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
    MANAGE_WEBHOOKS = auto()
    LOAD_SAMPLES = auto()


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
    Role.DOCTOR: frozenset(Permission)
    - {
        _P.READ_AUDIT,
        _P.ERASE_PATIENTS,
        _P.ACTIVATE_MODELS,
        _P.MANAGE_WEBHOOKS,
        _P.LOAD_SAMPLES,
    },
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
            _P.MANAGE_WEBHOOKS,
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
            _P.MANAGE_WEBHOOKS,
            _P.LOAD_SAMPLES,
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


class Scope(TextChoices):
    """What a program's key may be let do of what its user may."""

    PATIENTS_READ = "patients:read", "Read patients, therapy, pathology, consents and history"
    PATIENTS_WRITE = "patients:write", "Register and change patients, their consents and history"
    PATIENTS_KEEP = "patients:keep", "Archive, hold and merge records"
    THERAPY_WRITE = "therapy:write", "Record therapy and pathology"
    SCANS_READ = "scans:read", "Read exams and mammograms"
    SCANS_WRITE = "scans:write", "Upload mammograms"
    ANALYSES_RUN = "analyses:run", "Ask for analyses"
    RECOMMENDATIONS_READ = "recommendations:read", "Read analyses, proposals and decisions"
    FINDINGS_WRITE = "findings:write", "Mark and describe lesions"
    AUDIT_READ = "audit:read", "Read who did what"
    WEBHOOKS_WRITE = "webhooks:write", "Register and change webhooks"


SCOPE_OF: dict[Permission, Scope | None] = {  # None: only a person at a browser
    _P.READ_PATIENTS: Scope.PATIENTS_READ,
    _P.WRITE_PATIENTS: Scope.PATIENTS_WRITE,
    _P.RECORD_CONSENT: Scope.PATIENTS_WRITE,
    _P.MERGE_PATIENTS: Scope.PATIENTS_KEEP,
    _P.KEEP_RECORDS: Scope.PATIENTS_KEEP,
    _P.WRITE_THERAPY: Scope.THERAPY_WRITE,
    _P.READ_SCANS: Scope.SCANS_READ,
    _P.UPLOAD_SCANS: Scope.SCANS_WRITE,
    _P.REQUEST_ANALYSES: Scope.ANALYSES_RUN,
    _P.READ_ANALYSES: Scope.RECOMMENDATIONS_READ,
    _P.MARK_LESIONS: Scope.FINDINGS_WRITE,
    _P.RECORD_FINDINGS: Scope.FINDINGS_WRITE,
    _P.RECORD_READINGS: Scope.FINDINGS_WRITE,
    _P.READ_AUDIT: Scope.AUDIT_READ,
    _P.MANAGE_WEBHOOKS: Scope.WEBHOOKS_WRITE,
    _P.MATCH_FILES: None,
    _P.SEE_SYSTEM: None,
    _P.SIGN_DECISIONS: None,
    _P.JUDGE_MODELS: None,
    _P.ACTIVATE_MODELS: None,
    _P.ERASE_PATIENTS: None,
    _P.BREAK_GLASS: None,
    _P.LOAD_SAMPLES: None,
}


class InsufficientScope(Forbidden):
    """The key was not made for this."""

    code = "insufficient_scope"


def require_scope(scopes: Collection[str], permission: Permission) -> None:
    """Raise ``InsufficientScope`` unless a key with these scopes may use the permission."""
    scope = SCOPE_OF[permission]
    if scope is None:
        raise InsufficientScope("No key may do this: sign in with a browser.")
    if scope not in scopes:
        raise InsufficientScope("This key was not made for this.", needed=scope.value)
