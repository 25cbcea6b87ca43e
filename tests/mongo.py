"""A real MongoDB for the tests: started when the first test needs it, gone with the session.

``tests/conftest.py`` switches it on with ``pytest_plugins = ["tests.mongo"]``. Tests marked
``django_db`` then run on a throwaway server in memory; each pytest-xdist worker has its
own, so that a failpoint of one test never meets another. Tests that need no database
start none.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.test import TransactionTestCase
from pymongo import MongoClient
from pymongo.database import Database

from mammotrack.embedded import EmbeddedMongo
from mammotrack.mongo.base import DatabaseWrapper

MEMORY = Path("/dev/shm")
# Django fills these when it migrates and expects to find them again.
KEPT_COLLECTIONS = frozenset({"auth_permission", "django_content_type", "django_migrations"})


@contextmanager
def test_server() -> Iterator[str]:
    """The address of a new, empty server that accepts ``configureFailPoint``."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        EmbeddedMongo(Path(folder), parameters={"enableTestCommands": "1"}) as server,
    ):
        yield server.uri


test_server.__test__ = False  # type: ignore[attr-defined] -- pytest would collect it by its name


@contextmanager
def fail_point(uri: str, name: str, *, mode: dict[str, int], **data: object) -> Iterator[None]:
    """Make the server fail as told, for example ``mode={"times": 1}``, inside the block."""
    with MongoClient[dict[str, object]](uri) as client:
        client.admin.command("configureFailPoint", name, mode=mode, data=data)
        try:
            yield
        finally:
            client.admin.command("configureFailPoint", name, mode="off")


_counted: dict[str, int] = {}


def operations_on(database: Database) -> dict[str, int]:
    """How often each collection was read or written since the server began, by anybody."""
    totals = database.client.admin.command("top")["totals"]
    totals.pop("note")
    return {name: totals[name]["total"]["count"] for name in totals}


def fast_flush(connection: DatabaseWrapper) -> None:
    """Empty every collection that is not empty.

    Django's own flush deletes from each, used or not, and then makes the permissions anew. What
    nobody has touched since the last flush is not even looked at.
    """
    database = connection.database
    counted = operations_on(database)
    for name in database.list_collection_names(filter={"type": "collection"}):
        if name in KEPT_COLLECTIONS or name.startswith("system."):
            continue
        address = f"{database.name}.{name}"
        if counted.get(address) == _counted.get(address):
            continue
        collection = database[name]
        if collection.find_one({}, {"_id": True}):
            collection.delete_many({})
    _counted.clear()
    _counted.update(operations_on(database))


@contextmanager
def collections_of(*models: type[Model]) -> Iterator[None]:
    """The collections and indexes of models that belong to no installed app."""
    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in models:
            editor.delete_model(model)


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[str]:
    with test_server() as uri:
        yield uri


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, mongo_server: str
) -> Iterator[None]:
    """pytest-django's hook, run before it makes the test database: point Django here."""
    address = connections.settings[DEFAULT_DB_ALIAS]
    before = address["HOST"]
    address["HOST"] = mongo_server
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "MONGODB_URI", mongo_server)  # for the processes tests start
        patch.setattr(TransactionTestCase, "_fixture_teardown", _fixture_teardown)
        yield
    address["HOST"] = before


def _fixture_teardown(self: TransactionTestCase) -> None:
    # TestCase comes here too: without Django transactions it cannot roll back.
    for alias in self._databases_names(include_mirrors=False):
        fast_flush(connections[alias])
