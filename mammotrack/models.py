"""Abstract bases of every model of ours."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone


def now() -> datetime:
    """The current time as MongoDB keeps it: UTC, whole milliseconds."""
    moment = timezone.now()
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class UUIDModel(models.Model):
    """A random key that tells nothing; ``_id`` is the one field MongoDB always indexes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False, db_column="_id")

    class Meta:
        abstract = True


class TimestampedModel(UUIDModel):
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        abstract = True


class ChangingQuerySet(models.QuerySet[Any]):
    """Rows that know when they last changed: every change goes through ``update``."""

    def update(self, **values: Any) -> int:
        return super().update(**{"changed_at": now()} | values)

    def note_change(self) -> int:
        """Of what is told with the row and kept in another."""
        return self.update()


class ChangingModel(TimestampedModel):
    """``changed_at``: since then it reads as it does now. That is when it was made, at first."""

    changed_at = models.DateTimeField(default=now, editable=False)

    objects = ChangingQuerySet.as_manager()

    class Meta:
        abstract = True
