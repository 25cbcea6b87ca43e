"""What is written about the API is what the API is."""

import ast
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from rest_framework import exceptions

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


def test_every_route_is_in_the_guide():
    text = read("api.md")

    for route in urlpatterns:
        pattern = re.sub(r"<uuid:\w+>", "{id}", str(route.pattern))
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
