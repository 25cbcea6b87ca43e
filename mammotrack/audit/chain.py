"""Appending to chains: the last write of a transaction, one writer a chain at a time.

The head is read outside the transaction, whose own view of the database may be older than the
last entry. Writers of one machine queue at a file lock from there to the end of their commit,
so they never meet; of writers on different machines that meet, the unique index on
``(chain, seq)`` lets one through, and the other's transaction runs again.

The locked file also names the last entry this machine appended: a record outside the database
of how long each chain is, that a chain cut short contradicts.
"""

import fcntl
import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, cast

from bson.codec_options import CodecOptions, DatetimeConversion
from django.db import DEFAULT_DB_ALIAS, DatabaseError, IntegrityError, connections
from django_mongodb_backend.query import wrap_database_errors
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from mammotrack.audit import keys
from mammotrack.audit.canonical import GENESIS, Document, hash_of, mac_of
from mammotrack.audit.models import AuditDetail, AuditEntry
from mammotrack.db import TransactionConflict, is_transient
from mammotrack.errors import Unavailable
from mammotrack.mongo.base import DatabaseWrapper

AS_STORED: CodecOptions[Document] = CodecOptions(
    unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_AUTO
)

log = logging.getLogger(__name__)


class AuditUnavailable(Unavailable):
    """The entry cannot be written, so what it is about is not done either."""

    code = "audit_unavailable"


class Head(NamedTuple):
    """The last entry of a chain; of one without entries, what its first follows."""

    seq: int = 0
    hash: str = GENESIS


class Appending:
    """The entries of one transaction. Entered right before its commit, left right after."""

    def __init__(self) -> None:
        self.entries: list[Document] = []
        self.details: list[Document] = []
        self._locks = ExitStack()
        self._heads: list[tuple[int, Head]] = []

    def __enter__(self) -> None:
        by_chain: dict[str, list[Document]] = defaultdict(list)
        for entry in self.entries:
            by_chain[entry["chain"]].append(entry)
        try:
            for chain in sorted(by_chain):  # in one order, or two writers could wait for each other
                file = self._locks.enter_context(_locked(chain))
                self._heads.append((file, seal(by_chain[chain], head_of(chain))))
            _insert(AuditEntry, self.entries)
            _insert(AuditDetail, self.details)
        except (DatabaseError, PyMongoError, OSError) as error:
            self._locks.close()
            if isinstance(error, IntegrityError) or is_transient(error):
                raise TransactionConflict("Another machine appended to this chain.") from error
            log.exception("the audit trail cannot be written")
            raise AuditUnavailable(
                "The audit trail cannot be written. Nothing was done."
            ) from error
        except BaseException:
            self._locks.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._locks:
            if error is None:
                for file, head in self._heads:  # one length, one write: never seen half
                    os.pwrite(file, f"{head.seq:020} {head.hash}\n".encode(), 0)


def seal(entries: list[Document], head: Head) -> Head:
    """Give each its place after the head, its hash and its seal; returns the new head."""
    key_id, key = list(keys.mac_keys().items())[-1]
    for entry in entries:
        entry |= {"seq": head.seq + 1, "prev": head.hash, "key_id": key_id}
        entry["hash"] = hash_of(entry)
        entry["mac"] = mac_of(entry["hash"], key)
        head = Head(entry["seq"], entry["hash"])
    return head


def head_of(chain: str) -> Head:
    """The last committed entry; not read in the transaction, which may not see it."""
    last = collection(AuditEntry).find_one(
        {"chain": chain}, {"seq": True, "hash": True}, sort=[("seq", -1)]
    )
    return Head(last["seq"], last["hash"]) if last else Head()


def recorded_heads() -> Iterator[tuple[str, Head]]:
    """The last entry this machine appended, for each chain it ever appended to."""
    for file in sorted(_heads_folder().glob("*")):
        seq, _, entry_hash = file.read_text().strip().partition(" ")
        if seq:
            yield file.name, Head(int(seq), entry_hash)


def collection(model: Any) -> Collection[Document]:
    """Reads whatever is stored, also bytes that are no text and days that no calendar has."""
    return _mongo().get_collection(model._meta.db_table, codec_options=AS_STORED)


@wrap_database_errors
def _insert(model: Any, documents: list[Document]) -> None:
    if documents:
        collection(model).insert_many(documents, session=_mongo().session)


def _mongo() -> DatabaseWrapper:
    return cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])


@contextmanager
def _locked(chain: str) -> Iterator[int]:
    folder = _heads_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / chain, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed
        yield descriptor
    finally:
        os.close(descriptor)


def _heads_folder() -> Path:
    """By database: two on one machine have a chain ``system`` each."""
    return keys.folder() / "heads" / _mongo().settings_dict["NAME"]
