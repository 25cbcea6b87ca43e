"""Signed heads of the chains: whoever rewrites a chain cannot rewrite what was signed before.

Each anchor goes to the database and to a file that is only appended to; a copy of that file on
another machine, and the public key, let anybody check what this installation once stated.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from mammotrack.audit import keys
from mammotrack.audit.canonical import Document, canonical, iso_milliseconds
from mammotrack.audit.chain import collection, head_of
from mammotrack.audit.models import AuditAnchor, AuditEntry
from mammotrack.models import now

STATED = ("chain", "seq", "hash", "count", "at")


def anchor_all() -> int:
    """Sign the head of every chain that grew since its last anchor; returns how many did."""
    chains = collection(AuditEntry).distinct("chain")
    return sum(anchor(chain) for chain in chains)


def anchor(chain: str) -> bool:
    """Sign the head of one chain, unless that was done."""
    head = head_of(chain)
    if last_anchored(chain) >= head.seq:
        return False
    at = now()
    statement: Document = {
        "chain": chain,
        "seq": head.seq,
        "hash": head.hash,
        "count": collection(AuditEntry).count_documents(
            {"chain": chain, "seq": {"$lte": head.seq}}
        ),
        "at": iso_milliseconds(at),
    }
    statement["signature"] = keys.sign(canonical(statement))
    _append_to_file(statement)
    row = {name: value for name, value in statement.items() if name != "at"}
    collection(AuditAnchor).insert_one({"_id": uuid4().hex, "created_at": at, **row})
    return True


def last_anchored(chain: str) -> int:
    found = collection(AuditAnchor).find_one({"chain": chain}, sort=[("seq", -1)])
    return int(found["seq"]) if found else 0


def is_genuine(statement: Document) -> bool:
    """Whether this installation signed exactly this."""
    stated = {name: statement.get(name) for name in STATED}
    return keys.is_signed(canonical(stated), str(statement.get("signature", "")))


def in_file(path: Path) -> Iterator[Document]:
    """The anchors of a file, oldest first; a line that is none comes as an empty one."""
    with path.open() as lines:
        for line in lines:
            try:
                statement: Any = json.loads(line)
            except ValueError:
                statement = None
            yield statement if isinstance(statement, dict) else {}


def in_database() -> Iterator[Document]:
    for row in collection(AuditAnchor).find(sort=[("chain", 1), ("seq", 1)]):
        row["at"] = iso_milliseconds(row.pop("created_at"))
        yield row


def default_file() -> Path:
    return keys.folder() / "anchors.jsonl"


def _append_to_file(statement: Document) -> None:
    file = default_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, canonical(statement) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
