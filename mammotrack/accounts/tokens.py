"""The keys of programs: issued, recognised, revoked."""

import re
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from mammotrack.accounts.models import ApiToken, Clinic, Membership, User
from mammotrack.accounts.policy import Scope
from mammotrack.audit.people import record_change
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Rejected
from mammotrack.models import now
from mammotrack.mongo.documents import aggregate, lookup, row_of

MAX_DAYS = 365
USE_NOTED_EVERY = timedelta(minutes=1)  # a write with each request would cost more than it tells

_FORM = re.compile(rf"{ApiToken.PREFIX}_(?P<id>[0-9a-f]{{32}})_(?P<secret>[A-Za-z0-9_-]{{1,128}})")


class InvalidTokenLifetime(Rejected):
    code = "invalid_token_lifetime"


class InactiveUser(Rejected):
    code = "inactive_user"


class InvalidTokenScopes(Rejected):
    code = "invalid_token_scopes"


class InvalidTokenClinic(Rejected):
    code = "invalid_token_clinic"


def holds_token(text: str) -> bool:
    """Whether something of a token's form is in the text."""
    return _FORM.search(text) is not None


@retry_on_conflict
def issue_token(
    *,
    user: User,
    clinic: Clinic,
    scopes: Collection[str],
    label: str,
    days: int,
    issued_by: User | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; returns it with the text a client sends, which nobody can read again."""
    if not 1 <= days <= MAX_DAYS:
        raise InvalidTokenLifetime(f"A token lives between 1 and {MAX_DAYS} days.")
    if not user.is_active:
        raise InactiveUser("This user is deactivated.")
    if not scopes or not set(scopes) <= set(Scope.values):
        raise InvalidTokenScopes(f"A token has one or more of: {', '.join(Scope.values)}.")
    if clinic.pk not in user.clinic_ids:
        raise InvalidTokenClinic("A token is for a clinic of its user.")
    with atomic():
        token, text = ApiToken.issue(
            user=user,
            clinic=clinic,
            scopes=scopes,
            label=label,
            expires_at=now() + timedelta(days=days),
        )
        record_change(
            token,
            actor=issued_by,
            user_id=user.pk,
            key_clinic=clinic.pk,
            scopes=token.scopes,
        )
    return token, text


def usable_token(text: str) -> ApiToken | None:
    """The usable token that this is, with its active user confined to the token's clinic."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    token = _unexpired(UUID(form["id"]))
    if token is None or not token.matches(form["secret"]) or not token.user.is_active:
        return None
    _note_use(token)
    return token


def _unexpired(key: UUID) -> ApiToken | None:
    """With its user, who sees the token's clinic if a member of it, and no other."""
    found = aggregate(
        ApiToken,
        [
            {"$match": {"_id": key.hex, "revoked_at": None, "expires_at": {"$gt": now()}}},
            lookup(User, local="user_id", foreign="_id", name="users"),
            lookup(Membership, local="user_id", foreign="user_id", name="memberships"),
            lookup(Clinic, local="clinic_id", foreign="_id", name="clinics"),
        ],
    )
    if not found:
        return None
    (document,) = found
    token = row_of(ApiToken, document)
    token.user = row_of(User, document["users"][0])
    memberships = {UUID(each["clinic_id"]) for each in document["memberships"]}
    clinics = [row_of(Clinic, each) for each in document["clinics"]]
    token.user.see_only({c.pk: c.blind_reading_since for c in clinics if c.pk in memberships})
    return token


def _note_use(token: ApiToken) -> None:
    moment = now()
    noted = token.last_used_at
    if noted is None or moment - noted >= USE_NOTED_EVERY:
        earlier = Q(last_used_at=None) | Q(last_used_at__lt=moment)
        ApiToken.objects.filter(earlier, pk=token.pk).update(last_used_at=moment)


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
