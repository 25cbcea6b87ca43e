"""Signing in, and one's own account. Of allauth's many pages only those a clinic needs."""

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions.views import list_usersessions
from django.conf import settings
from django.urls import path, register_converter

from mammotrack.accounts import views
from mammotrack.middleware import public


class Language:
    """One of those we speak."""

    regex = "|".join(code for code, _ in settings.LANGUAGES)

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(Language, "language")

urlpatterns = [
    path("", views.home, name="home"),
    path("about/", public(views.about), name="about"),
    path("sign-in/", public(account.login), name="account_login"),
    path("sign-in/second-factor/", public(second_factor.authenticate), name="mfa_authenticate"),
    path("sign-out/", public(account.logout), name="account_logout"),
    path("account/", second_factor.index, name="mfa_index"),
    path("account/password/", account.password_change, name="account_change_password"),
    path("account/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("account/confirm/code/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path(
        "account/confirm/key/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"
    ),
    path("account/language/", public(views.choose_language), name="account_language"),
    path("texts/<language:language>.js", public(views.script_texts), name="script_texts"),
    path("account/session/", views.session, name="account_session"),
    path("account/sessions/", list_usersessions, name="usersessions_list"),
    path("account/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/keys/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("account/keys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path("account/keys/<str:pk>/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    path("account/keys/<str:pk>/remove/", webauthn.remove_webauthn, name="mfa_remove_webauthn"),
    path("account/codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/codes/new/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/codes/download/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
