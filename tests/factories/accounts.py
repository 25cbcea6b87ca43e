"""Clinics, the people who work there, and their programs' keys."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from mammotrack.accounts.models import ApiToken, Clinic, Membership, Role, User
from mammotrack.accounts.policy import Scope
from tests.factories import create

PASSWORD = "three grey herons"  # of every user made here

_numbers = count(1)


def make_clinic(name: str | None = None) -> Clinic:
    return create(Clinic, name=name or f"Clinic {next(_numbers)}")


def make_user(
    role: str = Role.DOCTOR,
    *,
    clinics: Iterable[Clinic] = (),
    password: str = PASSWORD,
    **fields: Any,
) -> User:
    """A user of these clinics."""
    number = next(_numbers)
    user = User(
        **{"username": f"{role.lower()}{number}", "full_name": f"{role.title()} No. {number}"}
        | fields,
        role=role,
    )
    user.set_password(password)
    user.save(force_insert=True)
    for clinic in clinics:
        create(Membership, user=user, clinic=clinic)
    return user


def make_token(
    user: User,
    *,
    clinic: Clinic | None = None,
    scopes: Iterable[str] = Scope.values,
    label: str = "test",
    days: int = 1,
) -> tuple[ApiToken, str]:
    """The token and the text a client sends; negative days make an expired one.

    Left out, the clinic is the user's first, or one the user has nothing to do with.
    """
    return ApiToken.issue(
        user=user,
        clinic=clinic or user.clinics.first() or make_clinic(),
        scopes=scopes,
        label=label,
        expires_at=timezone.now() + timedelta(days=days),
    )
