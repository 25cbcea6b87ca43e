"""What was sent to whom, and the button that sends again what was given up."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from mammotrack.accounts.models import User
from mammotrack.admin import ReadOnlyAdmin
from mammotrack.webhooks import services
from mammotrack.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Registered by the clinic's own programs; see docs/api.md."""

    fields = ("id", "created_at", "clinic", "label", "url", "events", "is_active", "version")
    list_display = ("label", "clinic", "url", "is_active", "created_at")
    list_select_related = ("clinic",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("event", "endpoint", "state", "attempt", "due_at", "last_status", "last_error")
    list_select_related = ("endpoint",)
    list_filter = ("state", "event")
    search_fields = ("id", "endpoint_id")
    actions = ("send_again",)

    @admin.action(description="Send again what was given up")
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        by = cast(User, request.user)
        dead = list(queryset.filter(state=DeliveryState.DEAD))
        for delivery in dead:
            services.resend(delivery, asked_by=by)
        messages.success(request, f"{len(dead)} will be sent again.")
