"""Somebody lost their second factor: an administrator takes it off, and they enrol another one."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.accounts.second_factor import remove_second_factor
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.web import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor():
    doctor = make_user(Role.DOCTOR, clinics=[make_clinic()])
    TOTP.activate(doctor, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(doctor)
    return doctor


@pytest.fixture
def administrator():
    return make_user(Role.ADMIN)


def address(user):
    return reverse("admin:accounts_user_second_factor", args=[user.pk])


def test_A7_a_lost_second_factor_is_removed_and_another_one_enrolled(
    doctor, administrator, settings
):
    browser = signed_in(administrator)
    settings.MFA_REQUIRED = True
    own = Client()
    own.force_login(doctor)
    own.get(reverse("account_logout"))

    settings.MFA_REQUIRED = False
    page = browser.get(address(doctor)).content.decode()
    assert doctor.full_name in page
    answer = browser.post(address(doctor), {"reason": "lost"})

    assert answer["Location"] == reverse("admin:accounts_user_change", args=[doctor.pk])
    assert not Authenticator.objects.filter(user=doctor).exists()
    (entry,) = AuditEntry.objects.filter(action=Action.SECOND_FACTOR_REMOVED)
    assert (entry.actor_id, entry.object_id) == (administrator.pk, doctor.pk)
    assert entry.detail == {"reason": "lost", "kinds": ["recovery_codes", "totp"]}
    settings.MFA_REQUIRED = True
    client = Client()
    signed = client.post(reverse("account_login"), {"login": doctor.username, "password": PASSWORD})
    assert signed.status_code == 302
    assert client.get(reverse("worklist"))["Location"] == reverse("mfa_index")


def test_A7_sessions_end_with_it(doctor, administrator):
    Authenticator.objects.filter(user=doctor).delete()
    client = Client()
    client.post(reverse("account_login"), {"login": doctor.username, "password": PASSWORD})
    assert client.get(reverse("worklist")).status_code == 200
    TOTP.activate(doctor, "JBSWY3DPEHPK3PXP")

    remove_second_factor(doctor, reason="compromised", removed_by=administrator)

    assert client.get(reverse("worklist")).status_code == 302


def test_A7_it_needs_a_reason_and_something_to_remove(doctor, administrator):
    browser = signed_in(administrator)

    browser.post(address(doctor), {"reason": "felt like it"})
    assert Authenticator.objects.filter(user=doctor).exists()

    other = make_user(Role.DOCTOR)
    assert "has none" in browser.post(address(other), {"reason": "lost"}).content.decode()
    assert not AuditEntry.objects.filter(action=Action.SECOND_FACTOR_REMOVED).exists()


@pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.ADMIN}))
def test_A7_only_administrators_remove_it(role, doctor):
    with pytest.raises(Forbidden):
        remove_second_factor(doctor, reason="lost", removed_by=make_user(role))
    assert signed_in(make_user(role)).post(address(doctor), {"reason": "lost"}).status_code == 302
    assert Authenticator.objects.filter(user=doctor).exists()


def test_A7_nobody_removes_their_own(administrator):
    TOTP.activate(administrator, "JBSWY3DPEHPK3PXP")

    page = signed_in(administrator).post(address(administrator), {"reason": "lost"})

    assert "Another administrator" in page.content.decode()
    assert Authenticator.objects.filter(user=administrator).exists()
