"""Who works here, in which clinics, and the keys programs use."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from mammotrack.accounts.signals import user_created
from mammotrack.db import atomic
from mammotrack.models import TimestampedModel, UUIDModel


class Role(models.TextChoices):
    RECEPTIONIST = "RECEPTIONIST", _("Receptionist")
    RADIOGRAPHER = "RADIOGRAPHER", _("Radiographer")
    DOCTOR = "DOCTOR", _("Doctor")
    INTEGRATOR = "INTEGRATOR", _("Integrator")
    RESEARCHER = "RESEARCHER", _("Researcher")
    ADMIN = "ADMIN", _("Administrator")


class Clinic(TimestampedModel):
    """The owner of records: every patient belongs to one, every query is scoped by it."""

    name = models.CharField(max_length=120, unique=True)
    blind_reading_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="From then on doctors give their own category before they see the computer's. "
        "Empty: they see it at once.",
    )

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        with atomic():
            user.save(force_insert=True)
            user_created.send(sender=self.model, user=user)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> User:
        """What ``createsuperuser`` calls: an administrator. There is no power beyond the role."""
        return self.create_user(username, password, role=Role.ADMIN, **fields)


class User(UUIDModel, AbstractBaseUser):
    """A person or program that signs in. Deactivated, never deleted."""

    username = models.CharField(max_length=150, unique=True)
    full_name = models.CharField(max_length=150, help_text="As printed beside a signature.")
    role = models.CharField(max_length=12, choices=Role)
    is_active = models.BooleanField(default=True, help_text="Untick instead of deleting.")
    language = models.CharField(max_length=8, blank=True, editable=False)  # "": the browser's
    created_at = models.DateTimeField(auto_now_add=True)
    clinics = models.ManyToManyField(Clinic, through="Membership", related_name="users")

    # Whom a request may read beyond the clinics; patients.middleware says so, request by request.
    emergency_patients: Collection[UUID] = ()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    objects = UserManager()

    def __str__(self) -> str:
        return self.username

    def get_full_name(self) -> str:
        return self.full_name

    @cached_property
    def _clinics(self) -> dict[UUID, datetime | None]:
        """The user's clinics, with since when each reads blind; read once a request."""
        return dict(self.memberships.values_list("clinic_id", "clinic__blind_reading_since"))

    @property
    def clinic_ids(self) -> list[UUID]:
        """Clinics whose records this user may see."""
        return list(self._clinics)

    @property
    def blind_clinics(self) -> dict[UUID, datetime]:
        """Those of them that read blind, with since when."""
        return {clinic: since for clinic, since in self._clinics.items() if since}

    def see_only(self, clinics: dict[UUID, datetime | None]) -> None:
        """For this request, the records of no more than these; with since when each reads blind."""
        self._clinics = clinics

    # What Django admin asks. The admin role opens it; each admin class says what may be changed.
    @property
    def is_staff(self) -> bool:
        return self.is_active and self.role == Role.ADMIN

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Membership(UUIDModel):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="memberships")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "clinic"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ApiToken(TimestampedModel):
    """A program's key: it acts as its user, in one clinic, as far as its scopes go.

    Only its hash is kept: the secret is shown once, when it is made.
    """

    PREFIX = "mt_live"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    scopes = models.JSONField(default=list)
    label = models.CharField(max_length=80)
    secret_sha256 = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.label} {self.pk}"

    @classmethod
    def issue(
        cls, *, user: User, clinic: Clinic, scopes: Iterable[str], label: str, expires_at: datetime
    ) -> tuple[ApiToken, str]:
        """Store a new token; returns it with the text a client sends."""
        secret = secrets.token_urlsafe(32)
        token = cls(
            user=user,
            clinic=clinic,
            scopes=sorted(scopes),
            label=label,
            expires_at=expires_at,
            secret_sha256=digest(secret),
        )
        token.full_clean()
        token.save(force_insert=True)
        return token, f"{cls.PREFIX}_{token.pk.hex}_{secret}"

    def matches(self, secret: str) -> bool:
        return secrets.compare_digest(self.secret_sha256, digest(secret))


def digest(secret: str) -> str:
    """SHA-256 is enough here: the secret is 256 random bits, not a password."""
    return hashlib.sha256(secret.encode()).hexdigest()
