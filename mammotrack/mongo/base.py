"""The database backend of MammoTrack: django-mongodb-backend with its surprises removed.

Used as ``ENGINE = "mammotrack.mongo"``. What differs from the stock backend, and why:

* sorted lists, unique lookups, joins and prefetches use their indexes
  (``compiler``, ``schema``, ``lookups``; measured with ``explain()`` in the tests);
* ``iexact`` compares text instead of running it as a regular expression (``operations``);
* a commit that fails leaves no half-dead session behind (below).

It leans on internals, so django-mongodb-backend is pinned to one exact version.
"""

import random
import time
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from django_mongodb_backend.base import DatabaseWrapper as StockDatabaseWrapper
from django_mongodb_backend.query import wrap_database_errors
from pymongo.errors import PyMongoError

from . import lookups
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor

lookups.register()

COMMIT_ATTEMPTS = 3
COMMIT_PAUSE_S = 0.05


class DatabaseWrapper(StockDatabaseWrapper):
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A block inside the transaction failed: committing the rest would save half of it.
        self.rollback_only = False
        # What is entered right before the commit and left right after it, by kind.
        self.guards: dict[type, AbstractContextManager[object]] = {}
        # Lets a retry see that part of its work is already saved.
        self.commit_count = 0

    def commit_mongo(self) -> None:
        """Enter the guards, commit, leave them, then run the ``on_commit`` functions.

        The stock method lets pymongo's exception through and keeps the session when
        the commit fails; every later transaction of that thread would then run
        without one. Here the session always ends and the error is Django's.
        """
        try:
            if self.session:
                with ExitStack() as guards:
                    for guard in self.guards.values():
                        guards.enter_context(guard)
                    self._commit_until_known()
        except BaseException:
            self.run_on_commit: list[Any] = []
            raise
        finally:
            self.guards = {}
            if self.session:
                self._end_session()
        self.commit_count += 1
        self.run_and_clear_commit_hooks()

    @wrap_database_errors
    def _commit_until_known(self) -> None:
        """Commit the session's transaction; ask again while the outcome is unknown.

        Asking again is safe: the server applies one transaction once. When the
        outcome stays unknown the error is final, because the work may be saved.
        """
        for attempt in range(1, COMMIT_ATTEMPTS + 1):
            try:
                self.session.commit_transaction()
            except PyMongoError as error:
                unknown = error.has_error_label("UnknownTransactionCommitResult")
                if not unknown or attempt == COMMIT_ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, COMMIT_PAUSE_S * 2**attempt))  # noqa: S311 -- jitter
            else:
                return
