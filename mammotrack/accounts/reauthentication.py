"""Proof, at the moment of signing, that the person at the keyboard is the one signed in."""

from mammotrack.accounts.models import User
from mammotrack.errors import Forbidden


class ReauthenticationRequired(Forbidden):
    code = "reauth_required"


def confirm_identity(user: User, *, password: str) -> None:
    """Raise ``ReauthenticationRequired`` unless this is the user's own password."""
    if not user.check_password(password):
        raise ReauthenticationRequired("Your password is needed to sign, and this is not it.")
