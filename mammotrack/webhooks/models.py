"""Where programs of a clinic want to be told of events, and what is on its way to them."""

from django.db import models

from mammotrack.accounts.models import Clinic
from mammotrack.models import TimestampedModel, now


class WebhookEndpoint(TimestampedModel):
    """An address of one clinic's own. Its secrets are sealed; two may be active at a time."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    events = models.JSONField(default=list)
    sealed_secrets = models.JSONField(default=list, help_text="The newest first.")
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["clinic", "is_active"], name="endpoint_by_clinic")]

    def __str__(self) -> str:
        return f"endpoint {self.pk}"


class DeliveryState(models.TextChoices):
    PENDING = "PENDING", "On its way"
    DELIVERED = "DELIVERED", "Delivered"
    DEAD = "DEAD", "Given up"


class WebhookDelivery(TimestampedModel):
    """One event for one endpoint, written down with the change that it tells of.

    Its id is the ``webhook-id``, the same with each attempt. The payload holds ids and no names.
    """

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    event = models.CharField(max_length=40)
    payload = models.TextField()
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=now, help_text="Of a claimed one: when its lease ends.")
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=40, default="")
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(fields=["state", "due_at"], name="delivery_by_due"),
            models.Index(fields=["endpoint", "-created_at"], name="delivery_by_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"

    @property
    def message_id(self) -> str:
        return f"msg_{self.pk.hex}"
