"""The administration: people and keys are kept there, health data is not read there."""

import re
import uuid

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from analysis.models import (
    AnalysisJob,
    Comparison,
    Countersignature,
    Decision,
    Prediction,
    Recommendation,
)
from mammotrack.accounts.models import ApiToken, Clinic, Membership, Role, User
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.models import now
from mammotrack.webhooks.models import WebhookDelivery, WebhookEndpoint
from ml_models import registry
from tests.api import Program
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.factories.analysis import make_decision, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair

pytestmark = pytest.mark.django_db

READ_ONLY = [
    AnalysisJob,
    Prediction,
    Comparison,
    Recommendation,
    Decision,
    Countersignature,
    AuditEntry,
]
PASSWORD = "correct horse battery"


@pytest.fixture
def administrator():
    return make_user(Role.ADMIN, username="root", full_name="Rosa Otero")


@pytest.fixture
def browser(client, administrator):
    client.force_login(administrator)
    return client


@pytest.fixture
def clinic():
    return make_clinic("North")


@pytest.fixture
def decided(clinic):
    """A signed decision about a patient with a name to be kept from this place."""
    patient = make_patient(clinic, family_name="Quisling", given_name="Zelda")
    prior, current = make_pair(patient)
    decision = make_decision(
        make_recommendation(prior=prior, current=current),
        choice="refer",
        reason="Mrs Quisling has a new lump.",
    )
    audit.record(
        Action.DECISION_SIGNED,
        subject=decision,
        clinic_id=clinic.pk,
        patient_id=patient.pk,
        actor=decision.signed_by,
    )
    audit.record(Action.ANALYSIS_DONE, subject=decision, clinic_id=clinic.pk, actor=None)
    Countersignature.objects.create(
        clinic=clinic, patient=patient, decision=decision, signed_by=make_user(Role.DOCTOR)
    )
    return decision


def address(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def no_inlines() -> dict[str, str]:
    return {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


def test_only_what_administrators_keep_is_registered():
    assert set(admin.site._registry) == {
        *(User, Clinic, ApiToken, WebhookEndpoint, WebhookDelivery),
        *READ_ONLY,
    }


def test_Z12_A1_nothing_can_be_removed(rf, administrator):
    request = rf.get("/")
    request.user = administrator

    for model, page in admin.site._registry.items():
        assert not page.has_delete_permission(request), model
        assert "delete_selected" not in page.get_actions(request), model


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.ADMIN])
def test_Z14_other_roles_keep_neither_people_nor_models(client, role):
    user = make_user(role)
    client.force_login(user)
    before = everything_kept()

    for model in admin.site._registry:
        pages = [address(model), address(model, "add"), reverse("admin:analysis_prediction_models")]
        pages += [address(model, "change", key) for key in model.objects.values_list("pk")]
        for page in pages:
            for answer in (client.get(page), client.post(page, {"role": "ADMIN"})):
                assert answer.status_code == 302
                assert answer.url.startswith(reverse("admin:login"))

    assert everything_kept() == before


def everything_kept():
    return [list(model.objects.order_by("pk").values()) for model in admin.site._registry]


def test_administrator_signs_in_by_password(client):
    make_user(Role.ADMIN, username="root", password=PASSWORD)

    page = client.get(reverse("admin:login"))
    answer = client.post(
        reverse("account_login"), {"login": "root", "password": PASSWORD, "next": "/admin/"}
    )

    assert page.url.startswith(reverse("account_login"))
    assert (answer.status_code, answer.url) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


class TestReadOnly:
    @pytest.mark.parametrize("model", READ_ONLY)
    def test_rows_are_listed_filtered_found_and_opened(self, browser, decided, model):
        row = model.objects.first()
        page = admin.site._registry[model]
        filters = {
            "clinic": f"clinic__id__exact={decided.clinic_id}",
            "action": "action__exact=decision.signed",
        }
        queries = [
            "",
            f"?q={row.pk}",
            f"?q={decided.patient_id}",
            *(f"?{filters.get(name, f'{name}__exact=1')}" for name in page.list_filter),
            "?o=1",
            "?p=1",
        ]

        for query in queries:
            response = browser.get(address(model) + query)
            assert response.status_code == 200, query
        assert str(row.pk) in browser.get(address(model) + f"?q={row.pk}").text
        for text in (str(uuid.uuid4()), "Quisling", "1"):
            found = browser.get(address(model) + f"?q={text}").context["cl"].result_count
            assert found == 0
        assert browser.get(address(model, "change", row.pk)).status_code == 200

    @pytest.mark.parametrize("model", READ_ONLY)
    def test_Z12_rows_cannot_be_added_changed_or_removed(self, browser, decided, model):
        before = list(model.objects.order_by("pk").values())
        key = model.objects.first().pk

        assert browser.get(address(model, "add")).status_code == 403
        assert browser.post(address(model, "add"), {}).status_code == 403
        assert browser.post(address(model, "change", key), {"clinic": ""}).status_code == 403
        assert browser.get(address(model, "delete", key)).status_code == 403
        assert browser.post(address(model, "delete", key), {"post": "yes"}).status_code == 403
        bulk = {"action": "delete_selected", "_selected_action": str(key), "post": "yes"}
        browser.post(address(model), bulk)

        assert list(model.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize("model", READ_ONLY)
    def test_pages_show_no_identity_and_no_free_text(self, browser, decided, model):
        pages = [address(model)]
        pages += [
            address(model, "change", key) for key in model.objects.values_list("pk", flat=True)
        ]

        for page in pages:
            text = re.sub(
                r"[\w-]{20,}", "", browser.get(page).text
            )  # ids and hashes hold any digits
            for secret in (
                "Quisling",
                "Zelda",
                "lump",
                "1970",
                decided.patient.medical_record_number,
            ):
                assert secret not in text


def test_model_versions_are_shown_to_administrators_only(browser, client):
    here = reverse("admin:analysis_prediction_models")
    assert here in browser.get(address(Prediction)).text

    rows = browser.get(here).context["table"]["rows"]

    assert [row[0] for row in rows] == [manifest.version for manifest in registry.versions()]
    client.force_login(make_user(Role.DOCTOR))
    assert client.get(here).status_code == 302


class TestUsers:
    def test_user_is_created_with_role_password_and_clinics(self, browser, clinic):
        form = {
            "username": "eva",
            "full_name": "Dr. Eva Lind",
            "role": "DOCTOR",
            "password1": PASSWORD,
            "password2": PASSWORD,
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0",
            "memberships-0-clinic": str(clinic.pk),
        }
        assert browser.get(address(User, "add")).status_code == 200

        answer = browser.post(address(User, "add"), form)

        assert answer.status_code == 302
        user = User.objects.get(username="eva")
        assert (user.full_name, user.role, user.is_active) == ("Dr. Eva Lind", Role.DOCTOR, True)
        assert user.check_password(PASSWORD)
        assert user.clinic_ids == [clinic.pk]
        assert LogEntry.objects.get().object_id == str(user.pk)

    @pytest.mark.parametrize(
        "fields",
        [
            {"password1": "short", "password2": "short"},
            {"password2": PASSWORD + "x"},
            {"role": "SURGEON"},
            {"username": "root"},
            {"full_name": ""},
        ],
    )
    def test_user_out_of_shape_is_not_created(self, browser, fields):
        form = {
            "username": "eva",
            "full_name": "Dr. Eva Lind",
            "role": "DOCTOR",
            "password1": PASSWORD,
            "password2": PASSWORD,
        }

        answer = browser.post(address(User, "add"), form | no_inlines() | fields)

        assert answer.status_code == 200
        assert answer.context["adminform"].form.errors
        assert User.objects.count() == 1

    def test_clinics_are_given_and_taken(self, browser, clinic):
        user, south = make_user(Role.DOCTOR, clinics=[clinic]), make_clinic("South")
        form = {
            "username": user.username,
            "full_name": user.full_name,
            "role": user.role,
            "is_active": "on",
            "memberships-TOTAL_FORMS": "2",
            "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": str(Membership.objects.get().pk),
            "memberships-0-user": str(user.pk),
            "memberships-0-clinic": str(clinic.pk),
            "memberships-0-DELETE": "on",
            "memberships-1-user": str(user.pk),
            "memberships-1-clinic": str(south.pk),
        }

        answer = browser.post(address(User, "change", user.pk), form)

        assert answer.status_code == 302
        assert User.objects.get(pk=user.pk).clinic_ids == [south.pk]

    def test_A1_deactivated_user_keeps_signature_and_loses_access(self, browser, decided):
        doctor = decided.signed_by
        _, text = make_token(doctor)
        program = Program()
        program.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        assert program.get("/patients/").status_code == 200
        form = {"username": doctor.username, "full_name": doctor.full_name, "role": doctor.role}

        answer = browser.post(address(User, "change", doctor.pk), form | no_inlines())

        assert answer.status_code == 302
        assert User.objects.get(pk=doctor.pk).is_active is False
        assert program.get("/patients/").status_code == 401
        decided.refresh_from_db()
        assert decided.signed_by.full_name == doctor.full_name

    def test_nobody_locks_themselves_out(self, browser, administrator):
        form = {"username": "root", "full_name": "Rosa Otero", "role": "DOCTOR"} | no_inlines()

        browser.post(address(User, "change", administrator.pk), form)

        administrator.refresh_from_db()
        assert (administrator.role, administrator.is_active) == (Role.ADMIN, True)

    def test_password_is_set_and_never_shown(self, browser, clinic):
        user = make_user(Role.DOCTOR, clinics=[clinic], password=PASSWORD)
        change = address(User, "change", user.pk)
        here = reverse("admin:auth_user_password_change", args=[user.pk])
        assert user.password.split("$")[-1] not in browser.get(change).text
        assert browser.get(here).status_code == 200

        new = {"password1": "another long secret", "password2": "another long secret"}
        answer = browser.post(here, new)

        assert answer.status_code == 302
        assert User.objects.get(pk=user.pk).check_password("another long secret")

    def test_list_filters_searches_and_asks_no_more_for_more_users(
        self, browser, clinic, django_assert_num_queries
    ):
        make_user(Role.DOCTOR, clinics=[clinic], username="eva")
        for query in ("?q=eva", "?role__exact=DOCTOR", "?is_active__exact=1", "?o=2"):
            response = browser.get(address(User) + query)
            assert response.status_code == 200
            assert "eva" in response.text
        with django_assert_num_queries(7) as asked:
            browser.get(address(User))
        for _ in range(3):
            make_user(Role.DOCTOR, clinics=[clinic])
        with django_assert_num_queries(len(asked)):
            browser.get(address(User))


def test_clinic_is_added_and_renamed(browser):
    assert browser.post(address(Clinic, "add"), {"name": "West"}).status_code == 302
    west = Clinic.objects.get()
    assert browser.get(address(Clinic)).status_code == 200
    assert browser.get(address(Clinic) + "?q=wes").status_code == 200
    change = address(Clinic, "change", west.pk)
    assert browser.get(change).status_code == 200

    assert browser.post(change, {"name": "Far West"}).status_code == 302

    west.refresh_from_db()
    assert west.name == "Far West"


class TestTokens:
    def issue(self, browser, user, **fields):
        form = {"user": str(user.pk), "label": "gateway", "days": "30"}
        form |= {"clinic": str(user.clinic_ids[0]), "scopes": ["patients:read"]} | fields
        return browser.post(address(ApiToken, "add"), form)

    def test_token_is_shown_once_and_works(self, browser, clinic):
        user = make_user(Role.INTEGRATOR, clinics=[clinic])
        assert browser.get(address(ApiToken, "add")).status_code == 200

        answer = self.issue(browser, user)

        assert answer.status_code == 200
        assert answer.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
        token = ApiToken.objects.get()
        text = re.search(r"mt_live_[0-9a-f]{32}_[\w-]+", answer.text)[0]
        secret = text.rsplit(f"{token.pk.hex}_")[1]
        program = Program()
        program.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        assert program.get("/patients/").status_code == 200
        later = browser.get(address(ApiToken)).text + (
            browser.get(address(ApiToken, "change", token.pk)).text
        )
        for hidden in (secret, token.secret_sha256):
            assert hidden not in later
        entry = LogEntry.objects.get()
        assert entry.object_id == str(token.pk)
        assert secret not in entry.object_repr + entry.change_message

    @pytest.mark.parametrize("days", ["0", "366", ""])
    def test_lifetime_is_limited(self, browser, clinic, days):
        answer = self.issue(browser, make_user(Role.INTEGRATOR, clinics=[clinic]), days=days)

        assert answer.context["adminform"].form.errors
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize("scopes", [[], ["recommendations:sign"], ["patients:read", "x"]])
    def test_I2_no_other_scopes_and_none_for_signing(self, browser, clinic, scopes):
        user = make_user(Role.DOCTOR, clinics=[clinic])

        answer = self.issue(browser, user, scopes=scopes)

        assert set(answer.context["adminform"].form.errors) == {"scopes"}
        assert not ApiToken.objects.exists()

    def test_I2_a_key_is_for_a_clinic_of_its_user(self, browser, clinic):
        user = make_user(Role.DOCTOR, clinics=[clinic])

        answer = self.issue(browser, user, clinic=str(make_clinic().pk))

        assert set(answer.context["adminform"].form.errors) == {"clinic"}
        assert not ApiToken.objects.exists()

    def test_deactivated_user_gets_none(self, browser, clinic):
        user = make_user(Role.INTEGRATOR, is_active=False, clinics=[clinic])
        answer = self.issue(browser, user)

        assert answer.context["adminform"].form.errors
        assert not ApiToken.objects.exists()

    def test_revoking_ends_it_at_once(self, browser, clinic):
        token, text = make_token(make_user(Role.DOCTOR, clinics=[clinic]))
        kept, _ = make_token(make_user(Role.DOCTOR))
        program = Program()
        program.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        assert program.get("/patients/").status_code == 200

        form = {"action": "revoke", "_selected_action": [str(token.pk)]}
        answer = browser.post(address(ApiToken), form)

        assert answer.status_code == 302
        assert program.get("/patients/").status_code == 401
        token.refresh_from_db()
        kept.refresh_from_db()
        assert token.revoked_at <= now()
        assert kept.revoked_at is None
        assert LogEntry.objects.get().change_message == "Revoked."

    def test_token_cannot_be_changed(self, browser):
        token, _ = make_token(make_user(Role.DOCTOR))

        form = {"label": "other", "user": str(token.user_id), "days": "300"}
        answer = browser.post(address(ApiToken, "change", token.pk), form)

        assert answer.status_code == 403
        assert ApiToken.objects.get().label == token.label
