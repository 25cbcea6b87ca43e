"""The keys of programs: issued, recognised, revoked."""

import re
from datetime import timedelta
from uuid import UUID

from mammotrack.accounts.models import ApiToken, User
from mammotrack.errors import Rejected
from mammotrack.models import now

MAX_DAYS = 365

_FORM = re.compile(rf"{ApiToken.PREFIX}_(?P<id>[0-9a-f]{{32}})_(?P<secret>[A-Za-z0-9_-]{{1,128}})")


class InvalidTokenLifetime(Rejected):
    code = "invalid_token_lifetime"


class InactiveUser(Rejected):
    code = "inactive_user"


def issue_token(*, user: User, label: str, days: int) -> tuple[ApiToken, str]:
    """Make a token; returns it with the text a client sends, which nobody can read again."""
    if not 1 <= days <= MAX_DAYS:
        raise InvalidTokenLifetime(f"A token lives between 1 and {MAX_DAYS} days.")
    if not user.is_active:
        raise InactiveUser("This user is deactivated.")
    return ApiToken.issue(user=user, label=label, expires_at=now() + timedelta(days=days))


def user_of_token(text: str) -> User | None:
    """The active user whose usable token this is."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    usable = ApiToken.objects.usable(at=now()).select_related("user")
    token = usable.filter(pk=UUID(form["id"])).first()
    if token is None or not token.matches(form["secret"]) or not token.user.is_active:
        return None
    return token.user


def revoke_token(token: ApiToken) -> bool:
    """End it at once; False when it was ended before."""
    return bool(ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now()))
