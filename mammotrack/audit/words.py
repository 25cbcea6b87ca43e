"""The codes of the trail in words, in the language of whoever reads the page."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action


def action_in_words(code: str) -> str:
    return str(Action(code).label) if code in Action.values else code


def deed_in_words(document: Mapping[str, Any]) -> str:
    """Of an entry: a page that refuses what it was sent shows the record all the same."""
    words = action_in_words(document["action"])
    if document["detail"].get("status", HTTPStatus.OK) < HTTPStatus.BAD_REQUEST:
        return words
    return _("%(deed)s, request refused") % {"deed": words}


def role_in_words(code: str) -> str:
    return str(Role(code).label).lower() if code in Role.values else code.lower()
