"""What an administrator does for somebody who lost their second factor: take it off, for good.

Nothing is set in its place: who must have one enrols anew at the next sign-in.
"""

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import TextChoices

from mammotrack.accounts.models import Role, User
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Forbidden


class RemovalReason(TextChoices):
    LOST = "lost", "The device is lost or broken; the person was seen"
    REPLACED = "replaced", "The device was replaced; the person was seen"
    COMPROMISED = "compromised", "Somebody else may have it"


class NoSecondFactor(Conflict):
    code = "no_second_factor"


class OwnSecondFactor(Forbidden):
    code = "own_second_factor"


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user).exists()


@retry_on_conflict
def remove_second_factor(user: User, *, reason: str, removed_by: User) -> None:
    """Remove every authenticator and recovery code of the user, and end their sessions.

    Raises
    ------
    Forbidden
        Who asks is no administrator, or the user themselves.
    NoSecondFactor
        There is none.
    """
    if not removed_by.is_active or removed_by.role != Role.ADMIN:
        raise Forbidden("Your role does not allow this.")
    if removed_by.pk == user.pk:
        raise OwnSecondFactor("Another administrator removes yours.")
    with atomic():
        kept = Authenticator.objects.filter(user=user)
        kinds = sorted(kept.values_list("type", flat=True))
        if not kinds:
            raise NoSecondFactor("This user has none.")
        kept.delete()
        audit.record(
            Action.SECOND_FACTOR_REMOVED,
            subject=user,
            clinic_id=None,
            actor=removed_by,
            reason=RemovalReason(reason).value,
            kinds=kinds,
        )
    for session in UserSession.objects.filter(user=user):
        session.end()
