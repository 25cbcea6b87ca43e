"""What every template may use."""

from django.http import HttpRequest

from mammotrack.accounts import policy


def site(request: HttpRequest) -> dict[str, object]:
    """The signed-in user's permissions by name, for showing or hiding what they may do."""
    user = getattr(request, "user", None)
    allowed = policy.permissions_of(user) if user and user.is_authenticated else frozenset()
    return {
        "may": {permission.name.lower(): permission in allowed for permission in policy.Permission}
    }
