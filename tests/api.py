"""A program that calls the API: with a real token, as one would from outside."""

from typing import Any

from rest_framework.test import APIClient

from mammotrack.accounts.models import User
from tests.factories.accounts import make_token

BASE = "/api/v1"


class Program:
    """Calls as this user, or as nobody. Errors of the server are answered, not raised."""

    def __init__(self, user: User | None = None) -> None:
        self.client = APIClient(raise_request_exception=False)
        if user:
            _, text = make_token(user)
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(f"{BASE}{path}", **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.client.post(f"{BASE}{path}", body, **{"format": "json"} | options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.client.patch(f"{BASE}{path}", body, **{"format": "json"} | options)


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The response is this problem, in full form; returns its document."""
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert (response.status_code, document["code"]) == (status, code)
    assert document["status"] == status
    assert document["type"] == f"/problems/{code}"
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == response.wsgi_request.path
    assert document["request_id"] == response.headers["X-Request-ID"]
    return document
