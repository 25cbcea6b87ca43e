"""Administration of people, clinics and the keys of programs."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from mammotrack.accounts import tokens
from mammotrack.accounts.models import ApiToken, Clinic, Membership, User
from mammotrack.accounts.policy import Scope
from mammotrack.accounts.second_factor import (
    RemovalReason,
    has_second_factor,
    remove_second_factor,
)
from mammotrack.admin import ReadOnlyAdmin, RecordedAdmin
from mammotrack.db import atomic
from mammotrack.errors import MammoTrackError


@admin.register(Clinic)
class ClinicAdmin(RecordedAdmin):
    list_display = ("name", "blind_reading_since", "created_at")
    search_fields = ("name",)
    ordering = ("name",)


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    hide_title = True
    verbose_name = "clinic"
    verbose_name_plural = "clinics whose records this user may see"


class NewUserForm(UserCreationForm):
    usable_password = None  # everybody who signs in has a password

    class Meta:
        model = User
        fields = ("username", "full_name", "role")


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = ("username", "full_name", "role", "is_active", "password")


class SecondFactorForm(forms.Form):
    reason = forms.ChoiceField(choices=RemovalReason, widget=UnfoldAdminSelectWidget)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, RecordedAdmin):
    """Deactivated, never deleted: signatures keep their name."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("username", "full_name", "role", "is_active", "password")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
        ("Sign-in", {"fields": ("second_factor",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "full_name", "role", "password1", "password2")}),
    )
    readonly_fields = ("created_at", "last_login", "second_factor")
    filter_horizontal = ()
    list_display = ("username", "full_name", "role", "clinic_names", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "full_name")
    ordering = ("username",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("memberships__clinic")

    def add_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Django's own block round the form, a transaction elsewhere, has to lie within ours."""
        with atomic():
            return super().add_view(request, *args, **options)

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        with atomic():
            return super().user_change_password(request, id, form_url)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.remove_second_factor_view)
        here = path("<id>/second-factor/", page, name="accounts_user_second_factor")
        return [here, *super().get_urls()]

    def remove_second_factor_view(self, request: HttpRequest, id: str) -> HttpResponse:
        """For somebody who lost it: they enrol another one at the next sign-in."""
        user = self.get_object(request, id)
        if user is None:
            raise Http404
        form = SecondFactorForm(request.POST or None)
        if form.is_valid():
            try:
                remove_second_factor(
                    user,
                    reason=form.cleaned_data["reason"],
                    removed_by=cast(User, request.user),
                )
            except MammoTrackError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, "Removed. The next sign-in asks to enrol another one.")
                return redirect("admin:accounts_user_change", user.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Remove the second factor",
            "subject": user,
            "form": form,
        }
        return TemplateResponse(request, "admin/accounts/user/second_factor.html", context)

    @admin.display(description="second factor")
    def second_factor(self, user: User) -> str:
        if not has_second_factor(user):
            return "none enrolled"
        here = reverse("admin:accounts_user_second_factor", args=[user.pk])
        return format_html('enrolled, <a href="{}">remove it</a>', here)

    @admin.display(description="clinics")
    def clinic_names(self, user: User) -> str:
        return ", ".join(sorted(m.clinic.name for m in user.memberships.all())) or "none"

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """Nobody locks themselves out."""
        own = ("role", "is_active") if obj == request.user else ()
        return (*self.readonly_fields, *own)


class NewTokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value}: {scope.label}") for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        help_text="What it may do, as far as its user may. No key signs a decision.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.MAX_DAYS,
        initial=90,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long it may be used.",
    )

    class Meta:
        model = ApiToken
        fields = ("user", "clinic", "label", "scopes")

    def clean(self) -> dict[str, Any]:
        """Said beside the field; the service refuses it anyhow."""
        said = super().clean() or {}
        user, clinic = said.get("user"), said.get("clinic")
        if user and clinic and clinic.pk not in user.clinic_ids:
            self.add_error("clinic", "This user does not belong to that clinic.")
        return said


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Issued here with its secret shown once; afterwards it can only be revoked."""

    form = NewTokenForm
    add_fieldsets = ((None, {"fields": ("user", "clinic", "label", "scopes", "days")}),)
    fieldsets = (
        (None, {"fields": ("id", "user", "clinic", "label", "scope_names")}),
        ("Dates", {"fields": ("created_at", "last_used_at", "expires_at", "revoked_at")}),
    )
    list_display = ("label", "user", "clinic", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user", "clinic")
    search_fields = ("id", "user_id")
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    @admin.display(description="scopes")
    def scope_names(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **options: Any) -> Any:
        if field.name == "user":
            options["queryset"] = User.objects.filter(is_active=True).order_by("username")
        return super().formfield_for_foreignkey(field, request, **options)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        days = form.cleaned_data["days"]
        issued, text = tokens.issue_token(
            user=obj.user,
            clinic=obj.clinic,
            scopes=form.cleaned_data["scopes"],
            label=obj.label,
            days=days,
            issued_by=cast(User, request.user),
        )
        obj.pk = issued.pk
        obj.text = text  # type: ignore[attr-defined]  # for response_add only

    def response_add(self, request: HttpRequest, obj: ApiToken, *args: Any) -> HttpResponse:
        """Show the secret in the answer itself: a redirect would have to store it somewhere."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "The new token",
            "token": obj,
        }
        return TemplateResponse(request, "admin/accounts/apitoken/issued.html", context)

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        by = cast(User, request.user)
        revoked = [token for token in queryset if tokens.revoke_token(token, revoked_by=by)]
        for token in revoked:
            self.log_change(request, token, "Revoked.")
        messages.success(request, f"{len(revoked)} revoked. They are refused from now on.")
