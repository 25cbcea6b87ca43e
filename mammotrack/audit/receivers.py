"""Sign-ins leave a trace, and so do those that were refused, and every new user."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from mammotrack.accounts.models import User
from mammotrack.accounts.signals import user_created
from mammotrack.audit.models import Action
from mammotrack.audit.people import record_change
from mammotrack.audit.services import note_session


@receiver(user_logged_in)
def note_sign_in(user: User, **_: Any) -> None:
    note_session(Action.SIGNED_IN, user=user)


@receiver(user_logged_out)
def note_sign_out(user: User | None, **_: Any) -> None:
    if user:
        note_session(Action.SIGNED_OUT, user=user)


@receiver(user_login_failed)
def note_refusal(**_: Any) -> None:
    """Without the name that was tried: people type their password there."""
    note_session(Action.SIGN_IN_REFUSED, user=None)


@receiver(user_created)
def note_new_user(user: User, **_: Any) -> None:
    record_change(user, actor=None)
