"""What allauth asks about our accounts: nobody signs up, and secrets are kept encrypted."""

import base64
import hashlib

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from mammotrack.accounts.middleware import must_have_second_factor
from mammotrack.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Administrators make accounts; a refusal never says which part was wrong."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The user name or the password is not right."),
        "too_many_login_attempts": _("Too many attempts. Wait a few minutes and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SecondFactorAdapter(DefaultMFAAdapter):
    def get_totp_label(self, user: User) -> str:
        return user.username

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Who must have a second factor cannot remove the last one."""
        others = Authenticator.objects.filter(
            user=authenticator.user, type__in=["totp", "webauthn"]
        ).exclude(pk=authenticator.pk)
        return not must_have_second_factor(authenticator.user) or others.exists()


def _cipher() -> Fernet:
    key = hashlib.sha256(b"second factor secrets\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
