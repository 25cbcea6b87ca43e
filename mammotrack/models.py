"""Abstract bases of every model of ours."""

import uuid
from datetime import datetime

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
