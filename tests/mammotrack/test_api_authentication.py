"""Programs sign in with a token in the header, and in no other way."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from analysis.models import Decision
from mammotrack.accounts import tokens
from mammotrack.accounts.models import ApiToken, Membership, Role
from mammotrack.models import now
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_token, make_user
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair

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
    _, _, key, secret = text.split("_", 3)

    for mangled in (
        "",
        "mt_live_",
        text[:-1],
        text + "x",
        text.upper(),
        f"mt_live_{key}_{other.split('_', 3)[3]}",
        f"mt_live_{key[:-1]}g_{secret}",
        f"mt_{key}_{secret}",
        f"{text} {text}",
        f"mt_live_{'0' * 32}_{secret}",
        "\u00e4" * 40,
    ):
        assert_problem(call(mangled), 401, "authentication_failed")


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

    assert text.split("_", 3)[3] not in str(stored)


def test_I2_a_key_does_what_its_scopes_say_and_no_more(doctor):
    patient = make_patient(doctor.clinics.get())
    sender = Program(doctor, scopes=["scans:write"])

    for path in ("/recommendations/", "/patients/", f"/patients/{patient.pk}/"):
        document = assert_problem(sender.get(path), 403, "insufficient_scope")
        assert document["context"] == {
            "needed": "patients:read" if "patients" in path else "recommendations:read"
        }
    # Let through to where the missing file is what stops it.
    sent = sender.post("/mammograms/", {"patient": str(patient.pk)}, format="multipart")
    assert_problem(sent, 400, "invalid")


def test_I2_no_key_signs_whatever_its_scopes(doctor):
    prior, current = make_pair(make_patient(doctor.clinics.get()))
    proposal = make_recommendation(prior=prior, current=current)
    signature = {"choice": proposal.proposal, "password": PASSWORD}
    program = Program(doctor)

    for act in ("decision", "amendment", "countersignature"):
        answer = program.post(f"/recommendations/{proposal.pk}/{act}/", signature)
        assert_problem(answer, 403, "insufficient_scope")
    assert not Decision.objects.exists()


def test_I2_a_scope_adds_nothing_to_the_role():
    receptionist = make_user(Role.RECEPTIONIST, clinics=[make_clinic()])

    assert_problem(Program(receptionist).get("/mammograms/"), 403, "forbidden")


def test_Z11_I2_a_key_opens_one_clinic_of_its_user(doctor):
    here, there = doctor.clinics.get(), make_clinic()
    Membership.objects.create(user=doctor, clinic=there)
    own, other = make_patient(here), make_patient(there)
    _, text = make_token(doctor, clinic=here)
    program = Program()
    program.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    assert [row["id"] for row in program.get("/patients/").json()["results"]] == [str(own.pk)]
    assert_problem(program.get(f"/patients/{other.pk}/"), 404, "not_found")
    Membership.objects.filter(user=doctor, clinic=here).delete()
    assert program.get("/patients/").json()["results"] == []


def test_I2_the_last_use_is_noted(doctor):
    token, text = make_token(doctor)
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        token.expires_at = now() + timedelta(days=1)
        token.save()
        call(text)
        clock.shift(59)
        call(text)
        token.refresh_from_db()
        assert token.last_used_at == now() - timedelta(seconds=59)
        clock.shift(1)
        call(text)
        token.refresh_from_db()
        assert token.last_used_at == now()


def test_command_prints_a_token_that_works(doctor):
    out = StringIO()

    call_command(
        "create_api_token",
        *(doctor.username, "--label", "lab", "--days", "7"),
        *("--scope", "patients:read", "--scope", "scans:write"),
        stdout=out,
    )

    token = ApiToken.objects.get()
    assert call(out.getvalue().strip()).status_code == 200
    assert (token.user, token.label) == (doctor, "lab")
    assert (token.clinic, token.scopes) == (
        doctor.clinics.get(),
        ["patients:read", "scans:write"],
    )
    assert timedelta(days=6) < token.expires_at - now() < timedelta(days=8)


@pytest.mark.parametrize(
    ("days", "active", "message"),
    [("0", True, "365 days"), ("366", True, "365 days"), ("7", False, "deactivated")],
)
def test_command_refuses(doctor, days, active, message):
    doctor.is_active = active
    doctor.save()

    asked = ("create_api_token", doctor.username, "--label", "lab", "--scope", "patients:read")
    with pytest.raises(CommandError, match=message):
        call_command(*asked, "--days", days)
    with pytest.raises(CommandError, match="no user"):
        call_command("create_api_token", "nobody", *asked[2:])
    with pytest.raises(CommandError, match="clinics"):
        call_command(*asked, "--clinic", "Elsewhere")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command(*asked[:-1], "recommendations:sign")

    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("kind", ["ImagingStudy", "DiagnosticReport"])
def test_I2_a_key_reads_by_fhir_what_its_scopes_say(doctor, kind):
    program = Program(doctor, scopes=["patients:read"])

    assert program.client.get("/fhir/R4/Patient").status_code == 200
    for path in (kind, f"$export?_type={kind}"):
        answer = program.client.get(f"/fhir/R4/{path}")
        assert answer.status_code == 403, answer.content
        assert "insufficient_scope" in answer.text
    searched = program.client.post(
        f"/fhir/R4/{kind}/_search", "", content_type="application/x-www-form-urlencoded"
    )
    assert searched.status_code == 403


def test_I2_a_key_stores_by_dicomweb_with_the_scope_of_uploads(doctor):
    reader = Program(doctor, scopes=["scans:read"])
    writer = Program(doctor, scopes=["scans:write"])

    assert reader.client.get("/dicomweb/studies").status_code in {200, 204}
    assert_problem(writer.client.get("/dicomweb/studies"), 403, "insufficient_scope")
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    stored = reader.client.generic("POST", "/dicomweb/studies", b"", content_type=kind)
    assert_problem(stored, 403, "insufficient_scope")
