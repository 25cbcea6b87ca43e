"""What stops MammoTrack from running here, in one sentence each.

The database is asked by ``check`` and ``migrate`` only (Django's tag for it), so that a
missing server delays and stops no other command.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, connections
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

MINIMUM_SERVER = (6, 0)
PATIENCE_MS = 1000


def register_all() -> None:
    register(check_database, Tags.database)
    register(check_storage, Tags.files)
    register(check_model, Tags.files)


def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """E001 to E004: unreachable, refused or misspelt, standalone, too old."""
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    uri = connections[DEFAULT_DB_ALIAS].settings_dict["HOST"]
    try:
        with MongoClient[dict[str, Any]](
            uri, serverSelectionTimeoutMS=PATIENCE_MS, connectTimeoutMS=PATIENCE_MS
        ) as client:
            hello = client.admin.command("hello")
            version = client.server_info()["versionArray"]
    except ServerSelectionTimeoutError:
        return [_unreachable(uri)]
    except OperationFailure:
        return [_error("E002", f"MongoDB at {_hosts(uri)} refuses the user of MONGODB_URI.")]
    except (PyMongoError, ValueError):  # their text may quote a part of the password
        return [_error("E002", "MONGODB_URI is not an address of a MongoDB server.")]
    return [*_wrong_kind(uri, hello), *_wrong_version(uri, version)]


def _unreachable(uri: str) -> CheckMessage:
    if settings.MONGODB_EMBEDDED:
        return _error(
            "E001",
            "The embedded MongoDB server is not running: start it with `manage.py serve`, or for "
            "one command with `python -m mammotrack.embedded COMMAND`.",
        )
    return _error("E001", f"No MongoDB server answers at {_hosts(uri)}: see MONGODB_URI.")


def _wrong_kind(uri: str, hello: dict[str, Any]) -> Iterable[CheckMessage]:
    is_sharded = hello.get("msg") == "isdbgrid"
    if "setName" not in hello and not is_sharded:
        yield _error(
            "E003",
            f"MongoDB at {_hosts(uri)} is a standalone server, which has no transactions: "
            "make it a replica set (one member is enough).",
        )


def _wrong_version(uri: str, version: Sequence[int]) -> Iterable[CheckMessage]:
    if tuple(version[:2]) < MINIMUM_SERVER:
        found, needed = (".".join(map(str, v)) for v in (version[:3], MINIMUM_SERVER))
        yield _error("E004", f"MongoDB at {_hosts(uri)} is {found}; {needed} or later is needed.")


def _hosts(uri: str) -> str:
    """Where the server is, without the password that may stand in its address."""
    nodes = parse_uri(uri)["nodelist"]
    return ", ".join(host if port is None else f"{host}:{port}" for host, port in nodes)


def check_storage(**_: Any) -> list[CheckMessage]:
    """E005: mammograms cannot be written."""
    folder = Path(settings.MEDIA_ROOT)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return []
    return [_error("E005", f"Mammograms cannot be stored: {existing} is not a writable folder.")]


def check_model(**_: Any) -> list[CheckMessage]:
    """W001: mammograms can be stored and read, but not classified."""
    from ml_models import registry  # noqa: PLC0415 -- numpy, for this check alone
    from ml_models.errors import ModelError  # noqa: PLC0415

    try:
        registry.load_weights(registry.active_manifest())
    except ModelError as error:
        sentence = f"Mammograms cannot be classified: {error.detail}"
        return [Warning(sentence, id="mammotrack.W001")]
    return []


def _error(number: str, sentence: str) -> CheckMessage:
    return Error(sentence, id=f"mammotrack.{number}")
