"""A program that calls the API: with a real token, as one would from outside."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Scope
from tests.factories.accounts import make_token

BASE = "/api/v1"


class Program:
    """Calls as this user, or as nobody. Errors of the server are answered, not raised.

    The key has every scope unless some are named; a browser has none and signs.
    """

    def __init__(
        self,
        user: User | None = None,
        *,
        scopes: Iterable[str] = Scope.values,
        browser: bool = False,
    ) -> None:
        self.client = APIClient(raise_request_exception=False)
        if user and browser:
            self.client.force_login(user)
        elif user:
            _, text = make_token(user, scopes=scopes)
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(f"{BASE}{path}", **options)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Any:
        """Each call is a thing of its own, unless it is given the key of another."""
        headers = {"Idempotency-Key": key or str(uuid4())} | options.pop("headers", {})
        options = {"format": "json", "headers": headers} | options
        return self.client.post(f"{BASE}{path}", body, **options)

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
