"""Who may call what: nobody, until a view says which permission each action needs."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from mammotrack.accounts.policy import require


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
        require(request.user, needed)  # type: ignore[arg-type]  # signed in: ours
        return True
