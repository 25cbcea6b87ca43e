"""Every error under /api/ is a problem document with a stable code."""

import json
from datetime import date

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions, serializers

from mammotrack import errors
from mammotrack.accounts.models import Role
from mammotrack.api.problems import problem_handler
from mammotrack.log import request_id
from patients.api.people import PatientViewSet
from patients.services import DuplicateRecordNumber
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user


def handle(error: Exception):
    request = RequestFactory().get("/api/v1/patients/")
    token = request_id.set("request-0001")
    try:
        return problem_handler(error, {"request": request})
    finally:
        request_id.reset(token)


def body(response) -> dict:
    return json.loads(response.content)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NotFound("There is none."), 404, "not_found"),
        (errors.Forbidden("No."), 403, "forbidden"),
        (errors.Rejected("No.", code="reason_required"), 422, "reason_required"),
        (errors.TooLarge("No."), 413, "file_too_large"),
        (errors.UnsupportedMedia("No."), 415, "unsupported_file_type"),
        (DuplicateRecordNumber("No."), 409, "duplicate_record_number"),
        (Http404(), 404, "not_found"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.AuthenticationFailed(), 401, "authentication_failed"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
        (exceptions.ParseError(), 400, "parse_error"),
        (RequestDataTooBig(), 413, "body_too_large"),
        (SuspiciousOperation(), 400, "bad_request"),
    ],
)
def test_error_becomes_its_problem(error, status, code):
    response = handle(error)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body(response) == {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": body(response)["detail"],
        "instance": "/api/v1/patients/",
        "request_id": "request-0001",
        "code": code,
    }


def test_ids_and_limits_travel_as_context():
    document = body(handle(errors.Conflict("Here already.", patient_id="abc")))

    assert document["context"] == {"patient_id": "abc"}


def test_throttled_and_unavailable_say_when_to_come_back():
    assert handle(exceptions.Throttled(wait=7)).headers["Retry-After"] == "7"
    assert handle(errors.Unavailable("Busy.")).headers["Retry-After"] == "5"


def test_silent_database_is_unavailable_and_not_quoted(caplog):
    response = handle(OperationalError("mongodb://secret@host is down"))

    assert (response.status_code, body(response)["code"]) == (503, "unavailable")
    assert "secret" not in response.content.decode()
    assert "the database does not answer" in caplog.text


def test_unforeseen_error_is_left_to_django():
    assert handle(ZeroDivisionError()) is None


def test_validation_lists_every_field_with_a_pointer():
    class Item(serializers.Serializer):
        number = serializers.IntegerField()

    class Order(serializers.Serializer):
        items = Item(many=True)
        day = serializers.DateField()

    order = Order(data={"items": [{"number": 1}, {"number": "x"}], "day": "soon"})
    assert not order.is_valid()

    document = body(handle(exceptions.ValidationError(order.errors)))

    assert document["code"] == "invalid"
    assert [(e["pointer"], e["code"]) for e in document["errors"]] == [
        ("#/items/1/number", "invalid"),
        ("#/day", "invalid"),
    ]


def test_models_own_validation_reads_like_ours():
    refused = errors.Rejected("Bad.", code="invalid", errors={"regimen": ["Too long."]})

    document = body(handle(refused))

    assert (document["status"], document["code"]) == (422, "invalid")
    assert document["errors"] == [
        {"pointer": "#/regimen", "code": "invalid", "message": "Too long."}
    ]
    assert "context" not in document


class TestOverHttp:
    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def doctor(self):
        return Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))

    def test_unknown_address(self, doctor):
        assert_problem(doctor.get("/nothing/"), 404, "not_found")
        assert_problem(doctor.client.get("/api/v9/patients/"), 404, "not_found")
        assert_problem(doctor.get("/patients/507f1f77bcf86cd799439011/"), 404, "not_found")

    def test_page_that_is_not_there_stays_a_page(self, client):
        client.force_login(make_user(Role.DOCTOR))

        response = client.get("/nothing/")

        assert response.status_code == 404
        assert response.headers["Content-Type"].startswith("text/html")

    def test_unknown_method_says_which_are_known(self, doctor):
        response = doctor.client.delete("/api/v1/patients/")

        assert_problem(response, 405, "method_not_allowed")
        assert response.headers["Allow"] == "GET, HEAD, POST"
        for method in ("put", "options"):
            refused = getattr(doctor.client, method)("/api/v1/patients/")
            assert_problem(refused, 405, "method_not_allowed")

    def test_unknown_kinds_of_body_and_answer(self, doctor):
        sent = doctor.post("/patients/", "a,b", format=None, content_type="text/csv")
        assert_problem(sent, 415, "unsupported_media_type")
        as_form = doctor.post("/patients/", {"clinic": "x"}, format="multipart")
        assert_problem(as_form, 415, "unsupported_media_type")
        wanted = doctor.get("/patients/", headers={"Accept": "application/xml"})
        assert_problem(wanted, 406, "not_acceptable")

    @pytest.mark.parametrize(
        "text",
        [
            b"{",
            b'{"text": NaN}',
            b"\xff\xfe",
            b"[" * 200_000,
            b'{"text": ' + b"9" * 5000 + b"}",
        ],
    )
    def test_body_that_is_no_json(self, doctor, text):
        response = doctor.post(
            "/patients/search/",
            text,
            format=None,
            content_type="application/json; charset=zlib",
        )

        assert_problem(response, 400, "parse_error")

    def test_body_that_is_too_long(self, doctor):
        response = doctor.post("/patients/search/", {"text": "x" * 1024 * 1024})

        assert_problem(response, 413, "body_too_large")

    @pytest.mark.parametrize("text", [[], "text", 7, None])
    def test_json_that_is_no_object(self, doctor, text):
        document = assert_problem(doctor.post("/patients/search/", text), 400, "invalid")

        assert document["errors"][0]["pointer"] == "#" if text is not None else "#/text"

    def test_bug_answers_500_and_tells_nothing(self, doctor, monkeypatch, caplog):
        def burst(_: object) -> None:
            raise ZeroDivisionError("Ada Okafor")

        monkeypatch.setattr(PatientViewSet, "get_queryset", burst)

        response = doctor.get("/patients/")

        assert_problem(response, 500, "server_error")
        assert "Okafor" not in response.content.decode()
        assert "ZeroDivisionError" in caplog.text

    def test_Z05_field_that_may_not_be_set_is_refused(self, doctor):
        body = {"text": "a", "clinic": str(date.min)}

        document = assert_problem(doctor.post("/patients/search/", body), 400, "invalid")

        assert [(e["pointer"], e["code"]) for e in document["errors"]] == [
            ("#/clinic", "unknown_field")
        ]
