"""Programs sign in with a token in the header, and in no other way."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mammotrack.accounts import tokens
from mammotrack.accounts.models import ApiToken, Role
from mammotrack.models import now
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_token, make_user

pytestmark = pytest.mark.django_db


def call(text: str, scheme: str = "Bearer"):
    program = Program()
    program.client.credentials(HTTP_AUTHORIZATION=f"{scheme} {text}")
    return program.get("/patients/")


@pytest.fixture
def doctor():
    return make_user(Role.DOCTOR, clinics=[make_clinic()])


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_token_opens_what_its_user_may(doctor, scheme):
    _, text = make_token(doctor)

    assert call(text, scheme).json() == {"next": None, "results": []}


def test_nobody_is_answered_401_with_the_scheme_to_use():
    response = Program().get("/patients/")

    assert_problem(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_revoked_token_is_refused_at_once(doctor):
    token, text = make_token(doctor)
    assert call(text).status_code == 200

    assert tokens.revoke_token(token) is True
    assert tokens.revoke_token(token) is False

    assert_problem(call(text), 401, "authentication_failed")


def test_expired_token_is_refused(doctor):
    _, text = make_token(doctor, days=-1)

    assert_problem(call(text), 401, "authentication_failed")


def test_token_of_a_deactivated_user_is_refused(doctor):
    _, text = make_token(doctor)
    doctor.is_active = False
    doctor.save()

    assert_problem(call(text), 401, "authentication_failed")


def test_role_and_clinics_are_read_anew_for_each_request(doctor):
    _, text = make_token(doctor)
    doctor.role = Role.RESEARCHER
    doctor.save()

    assert_problem(call(text), 403, "forbidden")


def test_mangled_tokens_are_refused(doctor):
    _, text = make_token(doctor)
    _, other = make_token(doctor)
    key, secret = text.rsplit("_", 1)[0][:35], text[36:]

    for mangled in (
        "",
        "mt_",
        text[:-1],
        text + "x",
        text.upper(),
        f"{key}_{other[36:]}",
        f"{key[:-1]}g_{secret}",
        f"{text} {text}",
        "mt_" + "0" * 32 + "_" + secret,
        "\u00e4" * 40,
    ):
        assert_problem(call(mangled), 401, "authentication_failed")


def test_token_in_the_address_is_not_looked_at(doctor):
    _, text = make_token(doctor)

    for name in ("token", "access_token", "api_key"):
        assert_problem(Program().get(f"/patients/?{name}={text}"), 401, "not_authenticated")


def test_other_schemes_are_not_read(doctor):
    _, text = make_token(doctor)

    assert_problem(call(text, "Basic"), 401, "not_authenticated")
    assert_problem(call(text, "Token"), 401, "not_authenticated")


def test_session_of_the_browser_works_and_its_writes_need_the_csrf_token(doctor):
    program = Program()
    program.client.force_login(doctor)
    program.client.handler.enforce_csrf_checks = True

    assert program.get("/patients/").status_code == 200
    assert_problem(program.post("/patients/search/", {"text": "a"}), 403, "permission_denied")


def test_only_a_hash_of_the_secret_is_stored(doctor):
    token, text = make_token(doctor)

    stored = ApiToken.objects.values().get(pk=token.pk)

    assert text.rsplit("_", 1)[1] not in str(stored)


def test_command_prints_a_token_that_works(doctor):
    out = StringIO()

    call_command("create_api_token", doctor.username, "--label", "lab", "--days", "7", stdout=out)

    token = ApiToken.objects.get()
    assert call(out.getvalue().strip()).status_code == 200
    assert (token.user, token.label) == (doctor, "lab")
    assert timedelta(days=6) < token.expires_at - now() < timedelta(days=8)


@pytest.mark.parametrize(
    ("days", "active", "message"),
    [("0", True, "365 days"), ("366", True, "365 days"), ("7", False, "deactivated")],
)
def test_command_refuses(doctor, days, active, message):
    doctor.is_active = active
    doctor.save()

    with pytest.raises(CommandError, match=message):
        call_command("create_api_token", doctor.username, "--label", "lab", "--days", days)
    with pytest.raises(CommandError, match="no user"):
        call_command("create_api_token", "nobody", "--label", "lab")

    assert not ApiToken.objects.exists()
