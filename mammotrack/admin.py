"""What holds for the whole administration: few rows may be changed, none removed."""

from functools import reduce
from operator import or_
from typing import Any, cast
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from mammotrack.accounts.models import User
from mammotrack.audit.people import record_change
from mammotrack.db import atomic

admin.site.disable_action("delete_selected")
admin.site.unregister(Group)  # roles say who may do what (mammotrack.accounts.policy)
admin.site.unregister([Authenticator, EmailAddress, UserSession])  # each user keeps their own


class KeptAdmin(ModelAdmin):
    """Rows stay: what refers to them must keep its meaning."""

    show_full_result_count = False

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """A change and its audit entry are saved together, or neither is."""
        with atomic():
            return super().changeform_view(request, *args, **options)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RecordedAdmin(KeptAdmin):
    """Whoever may do what is changed here, and the audit trail says so."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        record_change(obj, actor=cast(User, request.user))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        record_change(obj, actor=cast(User, request.user))
        return super().log_change(request, obj, message)


class ReadOnlyAdmin(KeptAdmin):
    """Rows to look at, newest first, found by the full id in one of ``search_fields``."""

    ordering = ("-created_at", "-id")
    readonly_fields = ("id", "created_at")
    search_fields: tuple[str, ...] = ("id",)
    search_help_text = "A full id"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        try:
            key = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        in_any = reduce(or_, (Q(**{name: key}) for name in self.search_fields))
        return queryset.filter(in_any), False
