"""What every template may use."""

from django.http import HttpRequest

from mammotrack.accounts import policy
from mammotrack.accounts.middleware import must_have_second_factor


def site(request: HttpRequest) -> dict[str, object]:
    """The signed-in user's permissions by name, for showing or hiding what they may do."""
    user = getattr(request, "user", None)
    allowed = policy.permissions_of(user) if user and user.is_authenticated else frozenset()
    return {
        "second_factor_due": user and user.is_authenticated and must_have_second_factor(user),
        "may": {permission.name.lower(): permission in allowed for permission in policy.Permission},
    }
