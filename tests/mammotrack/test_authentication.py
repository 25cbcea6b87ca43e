"""Attacks on signing in and on sessions, named after their rows in docs/attacks.csv."""

import base64
import json
import re
import statistics
import time
from datetime import datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from mammotrack import settings as production
from mammotrack.accounts.models import Role, User
from mammotrack.audit.models import Action
from mammotrack.models import now
from tests.api import Program, assert_problem
from tests.audit import entries
from tests.factories.accounts import PASSWORD, make_clinic, make_token, make_user
from tests.factories.patients import make_patient
from tests.web import HTMX, assert_strict, signed_in

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def enrol(user: User) -> None:
    TOTP.activate(user, SECRET)


def code(*, at: float | None = None) -> str:
    return format_hotp_value(hotp_value(SECRET, int((at or time.time()) // 30)))


def give_password(client: Client, user: User, password: str = PASSWORD, **headers: str):
    body = {"login": user.username, "password": password}
    return client.post(reverse("account_login"), body, headers=headers)


def give_code(client: Client, text: str):
    return client.post(reverse("mfa_authenticate"), {"code": text})


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("worklist")).status_code == 200


@pytest.fixture
def doctor():
    return make_user(Role.DOCTOR, clinics=[make_clinic()])


@pytest.fixture
def required(settings):
    settings.MFA_REQUIRED = True


class TestLimits:
    def test_A01_A7_the_sixth_wrong_password_locks(self, doctor):
        client = Client()
        for _ in range(5):
            assert give_password(client, doctor, "wrong").status_code == 200

        locked = give_password(client, doctor, "wrong")
        right = give_password(client, doctor)

        for answer in (locked, right):
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")
            assert "Too many attempts" in answer.content.decode()
            assert_strict(answer)
        assert not is_signed_in(client)

    def test_A01_an_unknown_name_is_answered_alike(self, doctor):
        def answers_to(user):
            cache.clear()  # what is counted by address
            return [said(give_password(Client(), user, "wrong"), user) for _ in range(6)]

        known, unknown = answers_to(doctor), answers_to(User(username="nobody"))

        assert known == unknown
        assert [status for status, _ in known] == [200] * 5 + [429]
        assert "The user name or the password is not right." in known[0][1]

    def test_A01_an_unknown_name_costs_as_much_time(self, doctor, settings):
        """Time of the processor, one beside the other: neither what else runs here counts nor how
        fast it is at the moment."""
        settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS
        doctor.set_password(PASSWORD)
        doctor.save()

        def cost_of(user):
            start = time.process_time()
            give_password(Client(), user, "wrong")
            return time.process_time() - start

        ratios = [cost_of(User(username="nobody")) / cost_of(doctor) for _ in range(5)]

        assert statistics.median(ratios) == pytest.approx(1, rel=0.2)

    def test_A02_a_changing_forwarded_address_changes_nothing(self, doctor):
        for number in range(5):
            give_password(Client(), doctor, "wrong", **{"X-Forwarded-For": f"10.1.1.{number}"})

        answer = give_password(Client(), doctor, **{"X-Forwarded-For": "10.1.1.99"})

        assert answer.status_code == 429

    @pytest.mark.parametrize("behind_proxy", [False, True])
    def test_A02_one_address_cannot_try_many_names(self, doctor, settings, behind_proxy):
        """Behind the proxy, only what the proxy itself added is believed."""
        settings.BEHIND_TLS_PROXY = behind_proxy
        statuses = []
        for number in range(11):
            user = User(username=f"guess-{number}")
            sent = {"X-Forwarded-For": f"10.1.1.{number}, 192.0.2.7"}
            if not behind_proxy:
                sent = {"X-Forwarded-For": f"10.1.1.{number}"}
            statuses.append(give_password(Client(), user, "wrong", **sent).status_code)

        assert statuses == [200] * 10 + [429]

    def test_A02_behind_the_proxy_colleagues_do_not_lock_each_other_out(self, doctor, settings):
        settings.BEHIND_TLS_PROXY = True
        for number in range(11):
            user = User(username=f"guess-{number}")
            give_password(Client(), user, "wrong", **{"X-Forwarded-For": "192.0.2.7"})
        client = Client()

        give_password(client, doctor, **{"X-Forwarded-For": "192.0.2.8"})

        assert is_signed_in(client)
        assert [entry.ip for entry in entries(Action.SIGNED_IN)] == ["192.0.2.8"]


class TestSecondFactor:
    def test_password_and_code_sign_in(self, doctor, required):
        enrol(doctor)
        client = Client()

        asked = give_password(client, doctor)
        before = is_signed_in(client)
        give_code(client, code())

        assert asked.headers["Location"] == reverse("mfa_authenticate")
        assert not before
        assert is_signed_in(client)

    def test_A03_a_code_works_once(self, doctor):
        enrol(doctor)
        used = code()
        first, second = Client(), Client()
        for client in (first, second):
            give_password(client, doctor)
            give_code(client, used)

        assert is_signed_in(first)
        assert not is_signed_in(second)

    def test_A04_guessing_codes_locks_by_the_tenth(self, doctor):
        enrol(doctor)
        client = Client()
        give_password(client, doctor)
        wrong = f"{(int(code()) + 1) % 1_000_000:06}"
        statuses = [give_code(client, wrong).status_code for _ in range(10)]

        again = Client(REMOTE_ADDR="192.0.2.9")
        give_password(again, doctor)
        right = give_code(again, code())

        assert statuses[-1] == right.status_code == 429
        assert not is_signed_in(client)
        assert not is_signed_in(again)

    @pytest.mark.parametrize("role", [Role.DOCTOR, Role.ADMIN])
    def test_A10_without_one_nothing_but_the_enrolment_opens(self, role, required):
        client = signed_in(make_user(role, clinics=[make_clinic()]))

        for path in (reverse("worklist"), reverse("patients:list"), reverse("admin:index")):
            assert client.get(path).headers["Location"] == reverse("mfa_index"), path
        assert_problem(client.get("/api/v1/patients/"), 403, "second_factor_required")
        assert "needs a second factor" in client.get(reverse("mfa_index")).content.decode()

    def test_a_radiographer_needs_none(self, required):
        assert is_signed_in(signed_in(make_user(Role.RADIOGRAPHER)))

    def test_enrolling_opens_everything(self, doctor, required):
        client = Client()
        give_password(client, doctor)
        confirm = {"password": PASSWORD, "next": reverse("mfa_activate_totp")}
        page = client.post(reverse("account_reauthenticate"), confirm, follow=True)
        secret = page.context["form"].secret

        current = format_hotp_value(hotp_value(secret, int(time.time() // 30)))
        client.post(reverse("mfa_activate_totp"), {"code": current})

        assert is_signed_in(client)
        kept = Authenticator.objects.get(user=doctor, type="totp").data["secret"]
        assert secret not in kept

    def test_the_last_one_cannot_be_removed(self, doctor, required):
        enrol(doctor)
        client = Client()
        give_password(client, doctor)
        give_code(client, code())

        confirm = {"password": PASSWORD, "next": reverse("mfa_deactivate_totp")}
        client.post(reverse("account_reauthenticate"), confirm)

        client.post(reverse("mfa_deactivate_totp"))

        assert Authenticator.objects.filter(user=doctor, type="totp").exists()

    def test_A09_a_new_password_keeps_it(self, doctor):
        enrol(doctor)
        doctor.set_password("four white geese")
        doctor.save()
        client = Client()

        answer = give_password(client, doctor, "four white geese")

        assert answer.headers["Location"] == reverse("mfa_authenticate")

    def test_A10_the_administration_has_no_door_of_its_own(self, required):
        administrator = make_user(Role.ADMIN)
        enrol(administrator)
        client = Client()

        door = client.get(reverse("admin:login"))
        give_password(client, administrator)
        between = client.get(reverse("admin:index"))
        program = client.get("/api/v1/patients/")
        give_code(client, code())

        assert door.headers["Location"].startswith(reverse("account_login"))
        assert between.status_code == 302
        assert_problem(program, 401, "not_authenticated")
        assert client.get(reverse("admin:index")).status_code == 200


class TestSessions:
    def test_A05_a_session_set_before_signing_in_is_left_behind(self, doctor):
        client = Client()
        client.session["planted"] = True
        client.get(reverse("account_login"))
        session = client.session
        session["planted"] = True
        session.save()
        client.cookies["session"] = planted = session.session_key

        give_password(client, doctor)

        assert is_signed_in(client)
        assert client.session.session_key != planted

    def test_A05_the_code_brings_a_session_of_its_own(self, doctor):
        enrol(doctor)
        client = Client()
        client.get(reverse("account_login"))

        give_password(client, doctor)
        between = client.session.session_key
        give_code(client, code())

        assert is_signed_in(client)
        assert client.session.session_key != between
        client.cookies["session"] = between
        assert not is_signed_in(client)

    def test_A06_after_signing_out_the_session_is_nobodys(self, doctor):
        client = signed_in(doctor)
        key = client.session.session_key
        client.post(reverse("account_logout"))
        client.cookies["session"] = key

        answer = client.get(reverse("worklist"))

        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == "no-store"

    def test_A06_nothing_shown_is_kept_for_the_back_button(self, doctor):
        patient = make_patient(doctor.memberships.get().clinic)
        client = signed_in(doctor)

        for path in (f"/patients/{patient.pk}/", "/patients/", f"/api/v1/patients/{patient.pk}/"):
            answer = client.get(path)
            assert patient.family_name in answer.content.decode()
            assert answer.headers["Cache-Control"] == "no-store"

    def test_A07_a_deactivated_user_is_out_at_once(self, doctor):
        browser, program = signed_in(doctor), Program(doctor)
        assert is_signed_in(browser)

        User.objects.filter(pk=doctor.pk).update(is_active=False)

        assert not is_signed_in(browser)
        assert_problem(program.get("/patients/"), 401, "authentication_failed")

    def test_A08_A7_fifteen_idle_minutes_end_it(self, doctor):
        client = signed_in(doctor)
        assert is_signed_in(client)

        with time_machine.travel(now() + timedelta(minutes=16)):
            assert not is_signed_in(client)

    def test_A7_a_session_in_use_is_saved_now_and_then_and_lives_on(self, doctor):
        client = signed_in(doctor)
        page, began = reverse("mfa_index"), now()

        def ends(seconds: int) -> datetime:
            with time_machine.travel(began + timedelta(seconds=seconds), tick=False):
                assert client.get(page).status_code == 200
            return Session.objects.get().expire_date

        first = ends(0)

        assert ends(20) == first  # one picture after the other writes nothing
        assert timedelta(seconds=50) <= ends(50) - first < timedelta(seconds=60)
        assert ends(14 * 60) > began + timedelta(minutes=28)

    def test_A08_what_is_sent_after_that_is_not_written(self, doctor):
        patient = make_patient(doctor.memberships.get().clinic)
        page = reverse("patients:archive", args=[patient.pk])
        client = signed_in(doctor)
        assert client.get(page).status_code == 200

        with time_machine.travel(now() + timedelta(minutes=16)):
            sent = client.post(page, {"reason": "Moved away."})
            part = client.post(page, {"reason": "Moved away."}, headers=HTMX)

        assert sent.headers["Location"] == f"{reverse('account_login')}?next={page}"
        assert (part.status_code, part.headers["HX-Redirect"]) == (401, reverse("account_login"))
        patient.refresh_from_db()
        assert patient.archived_at is None

    @pytest.mark.parametrize(("role", "hours"), [(Role.DOCTOR, 12), (Role.ADMIN, 1)])
    def test_A7_a_busy_session_ends_too(self, role, hours):
        client = signed_in(make_user(role))
        page, began = reverse("mfa_index"), now()
        for minutes in range(0, hours * 60, 14):
            with time_machine.travel(began + timedelta(minutes=minutes)):
                assert client.get(page).status_code == 200

        with time_machine.travel(began + timedelta(hours=hours, minutes=1)):
            assert client.get(page).status_code == 302

    def test_A15_the_others_are_listed_and_ended(self, doctor):
        here, there = Client(), Client()
        give_password(here, doctor)
        give_password(there, doctor)
        page = here.get(reverse("usersessions_list"))

        here.post(reverse("usersessions_list"))

        assert page.context["session_count"] == 2
        assert is_signed_in(here)
        assert not is_signed_in(there)


class TestRequests:
    def test_A11_a_form_of_another_site_is_refused(self, doctor):
        client = Client(enforce_csrf_checks=True)
        client.force_login(doctor)
        patient = make_patient(doctor.memberships.get().clinic)
        path = reverse("patients:edit", args=[patient.pk])
        page = client.get(path).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        ours = {"family_name": "X", "csrfmiddlewaretoken": token}
        elsewhere = {"Origin": "https://evil.example"}

        assert client.post(path, {"family_name": "X"}).status_code == 403
        assert client.post(path, ours, headers=elsewhere).status_code == 403
        assert client.post(path, ours).status_code == 422  # read, and not complete

    def test_A11_the_api_asks_a_browser_for_the_token_too(self, doctor):
        client = Client(enforce_csrf_checks=True)
        client.force_login(doctor)
        body = {"text": "Okafor"}

        answer = client.post("/api/v1/patients/search/", body, content_type="application/json")

        assert_problem(answer, 403, "permission_denied")

    def test_A12_what_we_did_not_issue_is_no_key(self, doctor):
        _, text = make_token(doctor)
        unsigned = f"{part({'alg': 'none'})}.{part({'sub': str(doctor.pk)})}."
        guessed = f"mt_{doctor.pk.hex}_{'x' * 43}"

        for sent in (unsigned, guessed, text[:-1], text + "x", text.upper(), "", "mt_"):
            answer = Client().get("/api/v1/patients/", headers={"Authorization": f"Bearer {sent}"})
            assert_problem(answer, 401, "authentication_failed")
        basic = base64.b64encode(f"{doctor.username}:{PASSWORD}".encode()).decode()
        answer = Client().get("/api/v1/patients/", headers={"Authorization": f"Basic {basic}"})
        assert_problem(answer, 401, "not_authenticated")

    @pytest.mark.parametrize("name", ["token", "access_token", "q"])
    def test_A13_a_key_in_the_address_is_refused_and_not_logged(self, doctor, caplog, name):
        _, text = make_token(doctor)
        caplog.set_level("DEBUG")

        answer = Client().get("/api/v1/patients/", {name: text})
        page = signed_in(doctor).get("/patients/", {name: text})

        assert_problem(answer, 400, "key_in_address")
        assert page.status_code == 400
        secret = text.split("_", 2)[2]  # it may hold more of them
        for place in (caplog.text, answer.content.decode(), page.content.decode()):
            assert secret not in place

    @pytest.mark.parametrize("ended", ["expired", "revoked"])
    def test_A13_an_ended_key_is_refused_on_the_next_request(self, doctor, ended):
        token, text = make_token(doctor)
        client = Client(headers={"Authorization": f"Bearer {text}"})
        assert client.get("/api/v1/patients/").status_code == 200

        if ended == "revoked":
            token.revoked_at = now()
        else:
            token.expires_at = now() - timedelta(seconds=1)
        token.save()

        assert client.get("/api/v1/patients/").status_code == 401

    def test_A14_another_host_name_is_refused(self):
        assert Client(headers={"Host": "evil.example"}).get("/sign-in/").status_code == 400
        forwarded = Client(headers={"X-Forwarded-Host": "evil.example"}).get("/")
        assert forwarded.headers["Location"] == "/sign-in/?next=/"

    def test_nobody_signs_up_by_themselves(self):
        for path in ("/accounts/signup/", "/sign-up/", "/account/signup/"):
            assert Client().get(path).status_code in {302, 404}
        assert not User.objects.exists()


def said(answer, user):
    """Status and page, without what is another on every page: the name sent and the token."""
    text = answer.content.decode().replace(user.username, "").replace(request_id_of(answer), "")
    return answer.status_code, re.sub(r'value="\w{64}"', "", text)


def request_id_of(answer):
    return answer.headers["X-Request-ID"]


def part(claims):
    """One part of a JSON Web Token."""
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def test_A16_wrong_passwords_at_signing_are_counted(doctor):
    from mammotrack.accounts.reauthentication import ReauthenticationRequired, confirm_identity
    from mammotrack.errors import TooManyAttempts

    for _ in range(10):
        with pytest.raises(ReauthenticationRequired):
            confirm_identity(doctor, password="wrong")

    with pytest.raises(TooManyAttempts):
        confirm_identity(doctor, password=PASSWORD)
    cache.clear()
    confirm_identity(doctor, password=PASSWORD)


def test_every_page_of_the_account_keeps_to_the_strict_policy(doctor):
    client = signed_in(doctor)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": "/account/"})
    pages = ["mfa_index", "mfa_activate_totp", "mfa_list_webauthn", "mfa_add_webauthn"]

    for name in [*pages, "account_change_password", "usersessions_list", "account_reauthenticate"]:
        answer = client.get(reverse(name))
        assert answer.status_code == 200, name
        assert_strict(answer)
