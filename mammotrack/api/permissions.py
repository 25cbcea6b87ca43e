"""Who may call what: nobody, until a view says which permission each action needs.

A person's role has to include the permission; a program's key has to have its scope as well.
"""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from mammotrack.accounts.models import ApiToken
from mammotrack.accounts.policy import Permission, require, require_scope


class DenyByDefault(BasePermission):
    """Lets a signed-in user through whose role has ``view.permissions[view.action]``."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        action = getattr(view, "action", "")
        if action in {None, "metadata"}:  # a method this address does not have, or OPTIONS
            raise MethodNotAllowed(request.method or "")
        needed = getattr(view, "permissions", {}).get(action)
        if needed is None:
            return False
        check(request, needed)
        return True


def check(request: Request, permission: Permission) -> None:
    """Raise ``Forbidden`` unless this caller, and the key it came with, has the permission."""
    require(request.user, permission)  # type: ignore[arg-type]  # signed in: ours
    check_scope(request, permission)


def check_scope(request: Request, permission: Permission) -> None:
    """Raise ``InsufficientScope`` where the caller's key, if it came with one, lacks it."""
    if isinstance(request.auth, ApiToken):
        require_scope(request.auth.scopes, permission)
