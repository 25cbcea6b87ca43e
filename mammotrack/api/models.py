"""What the API remembers of a request, so that sending it again does nothing again."""

from django.db import models

from mammotrack.models import TimestampedModel


class RememberedRequest(TimestampedModel):
    """A POST with an ``Idempotency-Key``. Its id is made of caller and key, so only one exists.

    The answer is sealed with the key itself, of which nothing else is kept: who reads the
    database reads no patient here.
    """

    fingerprint = models.CharField(max_length=64, help_text="HMAC-SHA256 of what was asked.")
    status = models.PositiveSmallIntegerField(null=True, help_text="None: still being answered.")
    sealed = models.TextField(default="")
    touched = models.JSONField(default=list, help_text="Clinic and patient of what was answered.")

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="remembered_by_age")]

    def __str__(self) -> str:
        return str(self.pk)
