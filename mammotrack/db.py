"""The only door to transactions.

``django.db.transaction.atomic`` does nothing on MongoDB, so use these instead::

    @retry_on_conflict
    def register_exam(...):
        with atomic():
            ...
            on_commit(partial(task.delay, str(exam.pk)))

MongoDB has no row locks: of two transactions that write the same row, one fails at once
with a transient error, and runs again from its start. There are no savepoints either: an
IntegrityError inside a transaction ends it, so catch it around ``atomic()``, not inside.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.transaction import TransactionManagementError
from pymongo.errors import PyMongoError

from mammotrack.mongo.base import DatabaseWrapper

P = ParamSpec("P")
R = TypeVar("R")
Guard = TypeVar("Guard", bound=AbstractContextManager[object])


class TransactionConflict(DatabaseError):
    """Another transaction was first; this one may succeed when it is run again."""


ATTEMPTS = 12
FIRST_PAUSE_S = 0.05  # at most; doubles with each attempt, up to the longest
LONGEST_PAUSE_S = 1.0


@contextmanager
def atomic() -> Iterator[None]:
    """All writes of the block are saved, or none is. A block inside another joins it.

    Raises DatabaseError if MongoDB refuses a write or the commit. After an inner block
    has failed the outer one cannot be saved any more, even if it swallows the error.
    """
    connection = _connection()
    if connection.in_atomic_block_mongo:
        try:
            yield
        except BaseException:
            connection.rollback_only = True
            raise
        return

    connection.start_transaction_mongo()
    connection.in_atomic_block_mongo = True
    connection.rollback_only = False
    connection.guards = {}
    try:
        yield
        _check_no_inner_block_failed(connection)
    except BaseException as error:
        connection.in_atomic_block_mongo = False
        connection.rollback_mongo()
        if isinstance(error, PyMongoError):  # reading on in a cursor is not translated by Django
            raise DatabaseError from error
        raise
    connection.in_atomic_block_mongo = False
    connection.commit_mongo()


def _check_no_inner_block_failed(connection: DatabaseWrapper) -> None:
    if connection.rollback_only:
        raise TransactionManagementError(
            "A block inside this transaction failed and its error was swallowed: nothing was saved."
        )


def at_commit(kind: type[Guard]) -> Guard:
    """The one guard of this kind of the current transaction, made when first asked for.

    It is entered when the outermost block is done, still inside the transaction, and left as
    soon as the outcome of the commit is known. What must be the transaction's last write, and
    must keep others out until it is saved, belongs there.
    """
    connection = _connection()
    if not connection.in_atomic_block_mongo:
        raise TransactionManagementError("There is no transaction to guard.")
    return cast(Guard, connection.guards.setdefault(kind, kind()))


def in_transaction() -> bool:
    return _connection().in_atomic_block_mongo


def on_commit(function: Callable[[], object]) -> None:
    """Call it after the outermost ``atomic()`` block is saved; at once outside of one."""
    _connection().on_commit(function)


def retry_on_conflict(function: Callable[P, R]) -> Callable[P, R]:
    """Call the function again, up to 12 times in all, when its transaction met another one.

    All its writes must be in one ``atomic()`` block, since it runs again from its start.
    It is not repeated once a transaction of it is saved. Within an outer transaction it
    is called once: that one is lost as a whole, and its own caller repeats it.
    """

    @wraps(function)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        connection = _connection()
        if connection.in_atomic_block_mongo:
            return function(*args, **kwargs)
        for pauses in range(ATTEMPTS - 1):
            commits = connection.commit_count
            try:
                return function(*args, **kwargs)
            except DatabaseError as error:
                if connection.commit_count != commits or not is_transient(error):
                    raise
            # Jitter keeps those who met once from meeting again.
            time.sleep(random.uniform(0, min(FIRST_PAUSE_S * 2**pauses, LONGEST_PAUSE_S)))  # noqa: S311
        return function(*args, **kwargs)

    return repeated


def is_transient(error: BaseException) -> bool:
    """Whether MongoDB says that the same transaction may succeed when it is run again."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TransactionConflict):
            return True
        if isinstance(cause, PyMongoError) and cause.has_error_label("TransientTransactionError"):
            return True
        cause = cause.__cause__
    return False


def _connection() -> DatabaseWrapper:
    return cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])
