"""Proof, at the moment of signing, that the person at the keyboard is the one signed in."""

from django.core.cache import cache

from mammotrack.accounts.models import User
from mammotrack.errors import Forbidden, TooManyAttempts

ATTEMPTS = 10
PERIOD_S = 60


class ReauthenticationRequired(Forbidden):
    code = "reauth_required"


def confirm_identity(user: User, *, password: str) -> None:
    """Raise ``ReauthenticationRequired`` unless this is the user's own password.

    After ten wrong ones within a minute every further one is refused unread, with
    ``TooManyAttempts``.
    """
    counter = f"wrong-passwords:{user.pk}"
    cache.add(counter, 0, PERIOD_S)
    if cache.get(counter, 0) >= ATTEMPTS:
        raise TooManyAttempts("Too many wrong passwords. Wait a minute and try again.")
    if not user.check_password(password):
        cache.incr(counter)
        raise ReauthenticationRequired("Your password is needed to sign, and this is not it.")
