"""A person at a browser without script, and what every page has to hold to."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from mammotrack.accounts.middleware import RENEWED_AT, SIGNED_IN_AT
from mammotrack.accounts.models import User
from mammotrack.models import now

STRICT_POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}
HTMX = {"HX-Request": "true"}


def signed_in(user: User) -> Client:
    """After the first page, which notes when the session began. Errors are answered, not raised."""
    client = Client(raise_request_exception=False)
    client.force_login(user)
    session = client.session
    session[SIGNED_IN_AT] = session[RENEWED_AT] = now().isoformat()
    session.save()
    return client


def assert_strict(response: HttpResponse) -> None:
    """The page keeps to the policy: no inline script, style or handler, and no cache keeps it."""
    text = response.content.decode()
    policy = {part.strip() for part in response.headers["Content-Security-Policy"].split(";")}
    assert policy == STRICT_POLICY
    assert "no-store" in response.headers["Cache-Control"]
    for inline in ("<style", " style=", "<script>", " onclick=", "javascript:", " hx-on"):
        assert inline not in text, inline


def assert_status_by_role(
    path: str, statuses: dict[str, int], users: dict[str, User], *, method: str = "get", **data: Any
) -> None:
    """Each role gets exactly this answer; nobody signed in is sent to sign in."""
    anonymous = getattr(Client(), method)(path, data)
    assert (anonymous.status_code, anonymous.headers["Location"]) == (302, f"/sign-in/?next={path}")
    found = {
        role: getattr(signed_in(user), method)(path, data).status_code
        for role, user in users.items()
        if role in statuses
    }
    assert found == statuses
