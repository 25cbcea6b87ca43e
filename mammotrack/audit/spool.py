"""Entries that wait for their place in a chain: synced to the disk of the machine that saw the act.

A read must not fail or wait because the database does; the answer leaves only after its entry
is on disk. Each line is one entry. The worker moves what waits into the chains, in its order and
with its original time; an entry that is there already is not added again.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from uuid import uuid4

from mammotrack.audit import keys
from mammotrack.audit.canonical import Document, canonical, iso_milliseconds
from mammotrack.audit.chain import Appending, AuditUnavailable, collection
from mammotrack.audit.models import AuditEntry
from mammotrack.db import at_commit, atomic, retry_on_conflict

BATCH = 500

log = logging.getLogger(__name__)


def write(entries: Iterable[Document]) -> None:
    """Keep the entries on disk; ``AuditUnavailable`` if that fails."""
    lines = b"".join(
        canonical(entry | {"created_at": iso_milliseconds(entry["created_at"])}) + b"\n"
        for entry in entries
    )
    if not lines:
        return
    try:
        with _locked("write.lock", fcntl.LOCK_SH):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = os.open(_folder() / "waiting.jsonl", flags, 0o600)
            try:
                os.write(descriptor, lines)
                os.fdatasync(descriptor)
                if os.fstat(descriptor).st_size == len(lines):
                    keys.fsync_folder(_folder())  # the name of a new file
            finally:
                os.close(descriptor)
    except OSError as error:
        log.exception("the spool of the audit trail cannot be written")
        raise AuditUnavailable("The audit trail cannot be written. Nothing was shown.") from error


def drain() -> int:
    """Move everything that waits on this machine into the chains; returns how many entries."""
    moved = 0
    with _locked("drain.lock", fcntl.LOCK_EX):
        _set_aside()
        for file in sorted(_folder().glob("chain-*.jsonl")):
            waiting = _read(file)
            while entries := list(islice(waiting, BATCH)):
                moved += _append(entries)
            file.unlink()
    return moved


def _set_aside() -> None:
    """Close the file that is written to: whoever writes next begins a new one."""
    waiting = _folder() / "waiting.jsonl"
    with _locked("write.lock", fcntl.LOCK_EX):
        if waiting.exists():
            number = f"{waiting.stat().st_ctime_ns:020}"
            waiting.rename(_folder() / f"chain-{number}-{uuid4().hex}.jsonl")


def _read(file: Path) -> Iterator[Document]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
            except ValueError:  # the power went while it was written, before its page was shown
                log.exception("line %d of a spool file is torn and left out", number)
                continue
            yield entry | {"created_at": datetime.fromisoformat(entry["created_at"])}


@retry_on_conflict
def _append(entries: list[Document]) -> int:
    ids = [entry["_id"] for entry in entries]
    known = {
        entry["_id"] for entry in collection(AuditEntry).find({"_id": {"$in": ids}}, {"_id": True})
    }
    new = [entry for entry in entries if entry["_id"] not in known]
    if new:
        with atomic():
            at_commit(Appending).entries.extend(new)
    return len(new)


@contextmanager
def _locked(name: str, kind: int) -> Iterator[None]:
    _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    with (_folder() / name).open("a") as file:
        fcntl.flock(file, kind)
        yield


def _folder() -> Path:
    return keys.folder() / "spool"
