"""What a session may hold: JSON, and the keys of allauth's rows as text."""

import json
from typing import Any


class JSONSerializer:
    """Django's own, which knows no ObjectId; allauth puts the keys of its rows into sessions."""

    def dumps(self, session: dict[str, Any]) -> bytes:
        return json.dumps(session, separators=(",", ":"), default=str).encode("latin-1")

    def loads(self, stored: bytes) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(stored.decode("latin-1"))
        return loaded
