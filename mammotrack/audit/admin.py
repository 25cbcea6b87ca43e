"""The audit trail, to read."""

from django.contrib import admin

from mammotrack.admin import ReadOnlyAdmin
from mammotrack.audit.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "action", "actor", "object_type", "object_id", "clinic")
    list_filter = ("action", "clinic")
    list_select_related = ("actor", "clinic")
    search_fields = ("id", "object_id", "patient_id", "actor_id")
    search_help_text = "The full id of an entry, an object, a patient or a user"
