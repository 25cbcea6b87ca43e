"""What is written about the API is what the API is."""

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from rest_framework import exceptions

from mammotrack.api.promises import broken, promises
from mammotrack.api.router import urlpatterns
from scans.errors import ERROR_CODES

SOURCES = ("mammotrack", "patients", "scans", "analysis")
ROOTS = {"error"}  # of the hierarchies; nothing is raised with it
REST_FRAMEWORK = {
    kind.default_code
    for kind in (
        exceptions.NotAuthenticated,
        exceptions.AuthenticationFailed,
        exceptions.PermissionDenied,
        exceptions.MethodNotAllowed,
        exceptions.NotAcceptable,
        exceptions.UnsupportedMediaType,
        exceptions.Throttled,
        exceptions.ParseError,
        exceptions.ValidationError,
    )
}


def read(name: str) -> str:
    return (Path(settings.BASE_DIR) / "docs" / name).read_text()


@cache
def committed() -> dict[str, Any]:
    return yaml.load(read("openapi.yaml"), Loader=yaml.CSafeLoader)


def document() -> dict[str, Any]:
    """A copy that may be changed."""
    return deepcopy(committed())


def codes_in_the_source() -> Iterator[str]:
    """Literals given as ``code``: attributes of error classes and arguments of calls."""
    for folder in SOURCES:
        for file in (Path(settings.BASE_DIR) / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                        yield code
                    case ast.Assign(targets=[ast.Name(id="code" | "default_code")]) | (
                        ast.AnnAssign(target=ast.Name(id="code" | "default_code"))
                    ) if isinstance(node.value, ast.Constant):
                        yield node.value.value


def test_every_code_is_documented_and_no_other():
    documented = re.findall(r"^\| `([a-z_]+)` \|", read("api.md"), flags=re.MULTILINE)

    raised = {*codes_in_the_source(), *ERROR_CODES, *REST_FRAMEWORK} - ROOTS
    assert len(documented) == len(set(documented))
    assert set(documented) == raised


def test_committed_document_is_the_generated_one():
    """Made by ``manage.py spectacular --file docs/openapi.yaml``. A warning is an error."""
    generated = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", stdout=generated)

    assert read("openapi.yaml").rstrip() == generated.getvalue().rstrip()


def test_I1_nothing_that_was_promised_is_broken():
    promised = read("api-promises.txt").splitlines()

    assert broken(promised=promised, actual=promises(document())) == []


def test_I1_what_is_new_is_promised_too():
    """Written down by ``manage.py promise_api``, and kept from then on."""
    assert read("api-promises.txt").splitlines() == promises(document())


def _renamed(changed, schemas):
    schemas["Patient"]["properties"]["surname"] = schemas["Patient"]["properties"].pop(
        "family_name"
    )


def _of_another_type(changed, schemas):
    schemas["Prediction"]["properties"]["suspicious_probability"]["type"] = "string"


def _deep_below(changed, schemas):
    del schemas["TherapyPlace"]["properties"]["day"]


def _no_choice_any_more(changed, schemas):
    schemas["ViewEnum"]["enum"].remove("MLO")


def _needed_from_now_on(changed, schemas):
    schemas["NewCourseRequest"]["required"].append("intent")


def _new_and_needed(changed, schemas):
    schemas["NewCourseRequest"]["properties"]["place"] = {"type": "string"}
    schemas["NewCourseRequest"]["required"].append("place")


def _gone(changed, schemas):
    del changed["paths"]["/api/v1/exams/{id}/"]


def _answered_otherwise(changed, schemas):
    responses = changed["paths"]["/api/v1/analyses/"]["post"]["responses"]
    responses["200"] = responses.pop("202")


@pytest.mark.parametrize(
    "change",
    [
        _renamed,
        _of_another_type,
        _deep_below,
        _no_choice_any_more,
        _needed_from_now_on,
        _new_and_needed,
        _gone,
        _answered_otherwise,
    ],
)
def test_I1_a_change_that_breaks_a_program_is_noticed(change):
    promised, changed = promises(document()), document()

    change(changed, changed["components"]["schemas"])

    assert broken(promised=promised, actual=promises(changed))


def test_I1_an_addition_breaks_nothing():
    promised, changed = promises(document()), document()
    schemas = changed["components"]["schemas"]
    schemas["Patient"]["properties"]["nickname"] = {"type": "string"}
    schemas["NewCourseRequest"]["properties"]["place"] = {"type": "string"}
    schemas["ViewEnum"]["enum"].append("XCCL")

    assert broken(promised=promised, actual=promises(changed)) == []


def test_every_route_is_in_the_guide():
    text = read("api.md")

    for route in urlpatterns:
        pattern = re.sub(r"<uuid:\w+>", "{id}", str(route.pattern)).replace("<slug:name>", "{name}")
        assert f"/{pattern}" in text


@pytest.mark.django_db
def test_document_and_page_need_no_sign_in_and_stay_on_this_host(client):
    document = client.get("/api/v1/openapi.json")
    page = client.get("/api/v1/docs/")

    assert document.json()["openapi"] == "3.1.1"
    assert page.status_code == 200
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page.text)) == {
        "/static/drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png",
        "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css",
        "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js",
        "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-standalone-preset.js",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/docs/", "/admin/login/"])
def test_pages_with_inline_code_are_let_run_it_and_no_others(client, path):
    assert (
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
        in (client.get(path).headers["Content-Security-Policy"])
    )
    for strict in ("/sign-in/", "/api/v1/openapi.json"):
        assert "unsafe" not in client.get(strict).headers["Content-Security-Policy"]
