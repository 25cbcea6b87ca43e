"""When a session ends, told to its pages so that they can warn before."""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from mammotrack.accounts.middleware import SIGNED_IN_AT, limit_of, renewed_at
from mammotrack.accounts.models import User
from mammotrack.models import now


def seconds_left(request: HttpRequest, user: User) -> int:
    """Until the session's own end, however busy it is."""
    began = datetime.fromisoformat(request.session.get(SIGNED_IN_AT) or now().isoformat())
    return max(int((began + limit_of(user) - now()).total_seconds()), 0)


def session_facts(request: HttpRequest, user: User) -> dict[str, object]:
    """What a page's script needs: whose session it is, when it ends unused, and at the most."""
    in_use_s = int((now() - renewed_at(request)).total_seconds())
    return {
        "user": str(user.pk),
        "idle_s": max(settings.SESSION_COOKIE_AGE - in_use_s, 0),
        "left_s": seconds_left(request, user),
    }
