"""The codes of the trail in words, in the language of whoever reads the page."""

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action


def action_in_words(code: str) -> str:
    return str(Action(code).label) if code in Action.values else code


def role_in_words(code: str) -> str:
    return str(Role(code).label).lower() if code in Role.values else code.lower()
