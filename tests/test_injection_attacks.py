"""What somebody types is shown as typed and does nothing (attacks I01 to I15)."""

import json
import logging
import socket
import subprocess
import time
from html import unescape
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from mammotrack import supervisor
from mammotrack.accounts.models import Role
from patients.models import Patient
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.platform import wait_until
from tests.test_access import ABOUT_RECORDS, ADDRESSES, PAGES, keys_of, path_of
from tests.web import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></textarea><svg onload=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
]
FREE_TEXT = {  # collection: fields that people or files fill in
    "patients_patient": ["family_name", "given_name", "medical_record_number", "phone"],
    "patients_patientmerge": ["reason", "undo_reason"],
    "patients_therapycourse": ["regimen"],
    "patients_consent": ["document_version"],
    "patients_historyentry": ["note"],
    "scans_exam": ["accession_number"],
    "scans_mammogram": ["manufacturer", "device_model"],
    "analysis_decision": ["reason"],
    "accounts_user": ["full_name"],
    "accounts_clinic": ["name"],
    "accounts_apitoken": ["label"],
    "webhooks_webhookendpoint": ["label", "url"],
}


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def program(doctor):
    return Program(doctor)


class Inert(HTMLParser):
    """Fails on whatever of a page runs or styles it and is not a file of ours."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        ours = (given.get("src") or "").startswith(("/static/", "/texts/"))
        assert tag != "script" or ours, attrs
        assert tag != "style", attrs
        for name, value in attrs:
            assert name != "style", (tag, attrs)
            assert not name.startswith("on"), (tag, attrs)
            if name in {"href", "src", "action", "formaction"}:
                assert not (value or "").strip().lower().startswith("javascript:"), attrs


def write_everywhere(text: str) -> None:
    """Past every check that would have refused it."""
    for collection, fields in FREE_TEXT.items():
        connection.database[collection].update_many({}, {"$set": dict.fromkeys(fields, text)})


def pages(client: Client, keys: dict) -> dict[str, str]:
    answers = {name: client.get(path_of(name, keys)) for name in PAGES if name in ABOUT_RECORDS}
    return {
        name: answer.text
        for name, answer in answers.items()
        if answer.headers.get("Content-Type", "").startswith("text/html")
    }


@pytest.mark.parametrize("text", SCRIPTS)
def test_I01_a_script_in_any_field_is_text_on_every_page(clinic, doctor, text):
    keys = keys_of(clinic)
    write_everywhere(text)

    shown = pages(signed_in(doctor), keys)

    assert len(shown) >= 15
    for page in shown.values():
        Inert().feed(page)
        if "<" in text:
            assert text not in page
    assert any(text in unescape(page) for page in shown.values())


def test_I01_a_script_in_any_field_is_text_in_the_administration(clinic):
    keys_of(clinic)
    write_everywhere(SCRIPTS[0])
    administrator = signed_in(make_user(Role.ADMIN, clinics=[clinic]))

    for app, model in (
        ("accounts", "user"),
        ("accounts", "clinic"),
        ("accounts", "apitoken"),
        ("webhooks", "webhookendpoint"),
        ("analysis", "decision"),
    ):
        page = administrator.get(reverse(f"admin:{app}_{model}_changelist"))
        assert page.status_code == 200
        assert SCRIPTS[0] not in page.text


@pytest.mark.parametrize("text", ["{{7*7}}", "{% load site %}", "{# gone #}", "${7*7}", "#{7*7}"])
def test_I06_a_template_in_a_name_is_text(clinic, doctor, text):
    patient = make_patient(clinic, family_name=text)

    page = signed_in(doctor).get(reverse("patients:detail", args=[patient.pk])).text

    assert text in unescape(page)
    assert "49" not in page.split("<main", 1)[1].split("</h1>", 1)[0]


@pytest.mark.parametrize(
    "text", ["<img src=file:///etc/passwd>", "@import url(//evil)", "<link rel=attachment href=x>"]
)
def test_I08_markup_in_a_note_fetches_nothing(clinic, doctor, text):
    keys = keys_of(clinic)
    write_everywhere(text)

    for page in pages(signed_in(doctor), keys).values():
        Inert().feed(page)  # no style in which an @import would count
        if "<" in text:
            assert text not in page


@pytest.mark.parametrize(
    "value", [{"$ne": None}, {"$gt": ""}, {"$where": "sleep(1000)"}, ["a", "b"], {"$regex": ".*"}]
)
def test_I02_an_operator_in_place_of_a_text_is_refused(clinic, program, value):
    make_patient(clinic)
    body = {
        "clinic": str(clinic.pk),
        "medical_record_number": value,
        "family_name": value,
        "given_name": value,
        "birth_date": value,
        "sex": value,
    }

    assert_problem(program.post("/patients/search/", {"text": value}), 400, "invalid")
    document = assert_problem(program.post("/patients/", body), 400, "invalid")
    assert len(document["errors"]) == 5
    assert_problem(program.post("/analyses/", {"current": value}), 400, "invalid")


def test_I02_an_operator_in_the_address_is_no_filter(clinic, program):
    make_mammogram(make_patient(clinic))

    for query in ("patient[$ne]=1", "patient[$gt]=", "$where=1", "patient=%7B%22$ne%22:1%7D"):
        assert_problem(program.get(f"/mammograms/?{query}"), 400, "invalid")


def test_I02_a_text_with_a_dollar_is_that_text(clinic, program):
    patient = make_patient(clinic, family_name="$password")
    make_patient(clinic, family_name="Other")

    found = program.post("/patients/search/", {"text": "$password"}).json()["results"]

    assert [row["id"] for row in found] == [str(patient.pk)]


def test_I02_a_sign_in_with_operators_opens_nothing(clinic, doctor):
    form = {"login[$ne]": "", "password[$ne]": ""}

    answer = Client().post(reverse("account_login"), form)

    assert answer.status_code == 200
    assert not answer.wsgi_request.user.is_authenticated


@pytest.mark.parametrize(
    "query",
    [
        "ordering=clinic__users__password",
        "clinic__users__password__startswith=pbkdf2",
        "patient__family_name__startswith=A",
        "created_at__gt=2000-01-01",
        "search=x",
        "fields=clinic",
        "limit=5",
        "offset=5",
    ],
)
def test_I03_what_is_no_filter_of_a_list_is_refused(program, query):
    for name in ADDRESSES:
        if name.startswith("api:") and name.endswith("-list") and "{" not in path_shape(name):
            answer = program.client.get(f"{reverse(name)}?{query}")
            if answer.status_code == 403:
                continue  # not for doctors
            document = assert_problem(answer, 400, "invalid")
            assert document["errors"][0]["code"] == "unknown_field"


def path_shape(name: str) -> str:
    pattern = ADDRESSES[name].pattern
    return "{" if pattern.regex.groupindex else ""


def test_I04_a_pattern_is_searched_for_as_it_is_written(clinic, program):
    for number in range(50):
        make_patient(clinic, family_name="a" * 40 + str(number))
    literal = make_patient(clinic, family_name="(a+)+$")

    began = time.perf_counter()
    found = program.post("/patients/search/", {"text": "(a+)+$"})
    took_s = time.perf_counter() - began
    long = program.post("/patients/search/", {"text": "(a+)+$" * 1700})

    assert [row["id"] for row in found.json()["results"]] == [str(literal.pk)]
    assert took_s < 30  # an evaluated pattern takes minutes
    assert_problem(long, 400, "invalid")


@pytest.mark.parametrize("name", ["eve\r\nINFO root signed in", "eve\x1b[2J", "eve\x00"])
def test_I09_a_user_name_writes_no_line_of_the_log(name, caplog):
    caplog.set_level(logging.INFO)

    Client().post(reverse("account_login"), {"login": name, "password": PASSWORD})

    for record in caplog.records:
        assert not set(record.getMessage()) & set("\r\n\x1b\x00")


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "text/xml", "application/x-www-form-urlencoded", "text/plain"],
)
def test_I10_a_body_that_is_not_json_is_not_read(clinic, program, content_type):
    body = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'

    answer = program.post("/patients/", body, format=None, content_type=content_type)

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("target", ["//evil.example/", "\\\\evil.example", "https://evil.example"])
def test_I11_signing_in_leads_nowhere_else(doctor, target):
    form = {"login": doctor.username, "password": PASSWORD, "next": target}

    answer = Client().post(reverse("account_login"), form)

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"


HOSTILE_JSON = {
    "deep lists": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "many keys": b"{" + b",".join(b'"k%d":0' % n for n in range(80_000)) + b"}",
    "NaN": b'{"text": NaN}',
    "infinity": b'{"text": -Infinity}',
    "too large a float": b'{"text": 1e400}',
    "too long a number": b'{"text": ' + b"9" * 10_000 + b"}",
    "a key twice": b'{"text": "a", "text": "b"}',
    "half a character": b'{"text": "\\ud800"}',
    "another charset": '{"text": "ü"}'.encode("utf-16"),
}


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON.keys())
def test_I12_hostile_json_is_refused_at_once(program, body):
    began = time.process_time()

    answer = program.post("/patients/search/", body, format=None, content_type="application/json")

    assert answer.status_code == 400, answer.content
    assert time.process_time() - began < 1


def test_I12_a_million_keys_are_not_read(program):
    body = b"{" + b",".join(b'"k%d":0' % n for n in range(1_000_000)) + b"}"

    answer = program.post("/patients/search/", body, format=None, content_type="application/json")

    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("first", "second"),
    [("José", "Jose\u0301"), ("Anna", "\u0410nn\u0430"), ("Müller", "Muller"), ("Łucja", "Lucja")],
)
def test_I13_a_name_written_otherwise_is_warned_of(clinic, program, first, second):
    identity = {
        "clinic": str(clinic.pk),
        "medical_record_number": "1",
        "family_name": first,
        "given_name": "Eva",
        "birth_date": "1970-05-17",
        "sex": "F",
    }
    known = program.post("/patients/", identity).json()["id"]

    answer = program.post(
        "/patients/", identity | {"medical_record_number": "2", "family_name": second}
    )

    document = assert_problem(answer, 409, "possible_duplicate")
    assert known in str(document["context"]["candidates"])
    assert Patient.objects.count() == 1


def test_I14_a_request_with_two_lengths_is_refused(tmp_path):
    """By the very command that production runs; no database is asked."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    hostile = [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Content-Length: +4\r\n\r\nabcd",
        b"Content-Length : 4\r\n\r\nabcd",
    ]
    command = [*supervisor.web_command(port), "--access-logfile", str(tmp_path / "log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answered(port, b"\r\n"), within_s=60)
            for framing in hostile:
                reply = answered(port, framing)
                assert reply.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), (framing, reply)
                assert reply.count(b"HTTP/1.1 ") == 1
        finally:
            server.terminate()


def answered(port: int, framing: bytes) -> bytes:
    """All that comes back until the server closes, or stays silent for a second."""
    head = b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    reply = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as peer:
            peer.sendall(head + framing)
            while part := peer.recv(65536):
                reply += part
    except OSError:
        pass
    return reply


def test_I15_a_thousand_ranges_get_the_whole_or_nothing(clinic, doctor, store):
    from tests.scans.test_api import upload

    patient = make_patient(clinic)
    made = upload(Program(doctor), patient).json()
    path = reverse("scans:thumbnail", args=[made["id"]])
    client = signed_in(doctor)
    whole = b"".join(client.get(path).streaming_content)

    ranges = "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(1000))
    answer = client.get(path, headers={"Range": ranges})

    assert answer.status_code in {200, 416}
    assert answer.status_code == 416 or b"".join(answer.streaming_content) == whole


def test_json_is_read_as_it_stands(program):
    """The strict reader still reads what is plain."""
    body = json.dumps({"text": "Zoë \U0001f600"}).encode()

    answer = program.post("/patients/search/", body, format=None, content_type="application/json")

    assert answer.status_code == 200
