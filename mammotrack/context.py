"""What every template may use."""

from django.http import HttpRequest

from mammotrack.accounts import policy
from mammotrack.accounts.middleware import must_have_second_factor
from mammotrack.accounts.session_end import session_facts
from mammotrack.audit import trace


def site(request: HttpRequest) -> dict[str, object]:
    """The signed-in user's permissions by name, for showing or hiding what they may do."""
    user = getattr(request, "user", None)
    signed_in = user if user and user.is_authenticated else None
    allowed = policy.permissions_of(signed_in) if signed_in else frozenset()
    traced = trace.current()
    if traced and traced.in_emergency:  # the page offers what would be answered
        allowed &= policy.EMERGENCY
    return {
        "emergencies": getattr(request, "emergencies", []),
        "session_facts": session_facts(request, signed_in) if signed_in else None,
        "second_factor_due": signed_in and must_have_second_factor(signed_in),
        "may": {permission.name.lower(): permission in allowed for permission in policy.Permission},
    }
