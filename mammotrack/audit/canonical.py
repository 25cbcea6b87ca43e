"""The bytes an audit entry is hashed as, and its seal. No Django, no database.

An entry's body is its stored document without ``hash`` and ``mac``, with the time written as
UTC in ISO 8601 with milliseconds. Its bytes are the body in the JSON Canonicalization Scheme
(RFC 8785). A body holds no floating-point number and its member names are ASCII, and then the
scheme is what the standard library's encoder does with sorted keys and no spaces.
"""

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DOMAIN = b"MT-AUDIT-1\x00"
GENESIS = "0" * 64  # what the first entry of a chain follows
SEAL = ("hash", "mac")
TIME = "created_at"

Document = dict[str, Any]

_encoder = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(body: Mapping[str, Any]) -> bytes:
    return _encoder.encode(body).encode()


def body_of(document: Mapping[str, Any]) -> Document:
    """What of a stored document is hashed. A member that was added counts, wherever it is."""
    body = {name: value for name, value in document.items() if name not in SEAL}
    at = body.get(TIME)
    if isinstance(at, datetime):
        body[TIME] = iso_milliseconds(at)
    return body


def hash_of(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(DOMAIN + canonical(body_of(document))).hexdigest()


def mac_of(entry_hash: str, key: bytes) -> str:
    return hmac.new(key, bytes.fromhex(entry_hash), hashlib.sha256).hexdigest()


def iso_milliseconds(at: datetime) -> str:
    """MongoDB keeps milliseconds; a naive time, as the driver reads it, is UTC."""
    utc = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def counted(version: Any) -> int | None:
    """The version of a document where it counts its changes; elsewhere the field is a name."""
    return version if isinstance(version, int) else None


def plain(value: Any) -> Any:
    """The value as an entry may hold it: text in NFC, whole numbers, and lists of such.

    A fraction becomes its shortest decimal text, everything else its own text.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(member) for member in value]
    return unicodedata.normalize("NFC", str(value))
