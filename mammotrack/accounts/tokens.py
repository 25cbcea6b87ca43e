"""The keys of programs: issued, recognised, revoked."""

import re
from datetime import timedelta
from uuid import UUID

from mammotrack.accounts.models import ApiToken, User
from mammotrack.audit.people import record_change
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Rejected
from mammotrack.models import now

MAX_DAYS = 365

_FORM = re.compile(rf"{ApiToken.PREFIX}_(?P<id>[0-9a-f]{{32}})_(?P<secret>[A-Za-z0-9_-]{{1,128}})")


class InvalidTokenLifetime(Rejected):
    code = "invalid_token_lifetime"


class InactiveUser(Rejected):
    code = "inactive_user"


def holds_token(text: str) -> bool:
    """Whether something of a token's form is in the text."""
    return _FORM.search(text) is not None


@retry_on_conflict
def issue_token(
    *, user: User, label: str, days: int, issued_by: User | None = None
) -> tuple[ApiToken, str]:
    """Make a token; returns it with the text a client sends, which nobody can read again."""
    if not 1 <= days <= MAX_DAYS:
        raise InvalidTokenLifetime(f"A token lives between 1 and {MAX_DAYS} days.")
    if not user.is_active:
        raise InactiveUser("This user is deactivated.")
    with atomic():
        token, text = ApiToken.issue(
            user=user, label=label, expires_at=now() + timedelta(days=days)
        )
        record_change(token, actor=issued_by, user_id=user.pk)
    return token, text


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


@retry_on_conflict
def revoke_token(token: ApiToken, *, revoked_by: User | None = None) -> bool:
    """End it at once; False when it was ended before."""
    moment = now()
    with atomic():
        ended = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=moment)
        if ended:
            token.revoked_at = moment
            record_change(token, actor=revoked_by, user_id=token.user_id)
    return bool(ended)
