"""How programs sign in: ``Authorization: Bearer mt_live_<id>_<secret>``."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from mammotrack.accounts.models import ApiToken, User
from mammotrack.accounts.tokens import usable_token


class ApiTokenAuthentication(BaseAuthentication):
    """Reads the header only: addresses end up in logs, so a token in one is not looked at."""

    SCHEME = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != self.SCHEME.lower():
            return None
        token = usable_token(text.strip())
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.SCHEME
