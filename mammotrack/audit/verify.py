"""Whether the trail is what was written: one pass over each chain, in constant memory."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from mammotrack.audit import anchors, keys, links
from mammotrack.audit.canonical import Document, hash_of, mac_of
from mammotrack.audit.chain import Head, collection, head_of, recorded_heads
from mammotrack.audit.models import AuditDetail, AuditEntry

BATCH = 1000


class Kind(StrEnum):
    CHANGED = "changed"  # an entry, or what is sealed beside it, is not what was hashed
    GAP = "gap"  # entries are missing
    REORDERED = "reordered"  # a genuine entry stands in another's place
    FORGED = "forged"  # hashed, but not sealed with a key of ours
    FORK = "fork"  # two entries in one place, or one that follows another past
    TRUNCATED = "truncated"  # the chain was longer
    ANCHOR = "anchor"  # an anchor is not ours, or states another hash
    BACKLINK = "backlink"  # a document without its entry, or other than its entry says


@dataclass(frozen=True)
class Finding:
    kind: Kind
    chain: str
    seq: int  # the first that is bad
    what: str


@dataclass(frozen=True)
class Report:
    entries: int
    chains: int
    anchors: int
    findings: list[Finding]

    @property
    def is_intact(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"intact": self.is_intact}


def verify(*, chain: str | None = None, start: int = 1, anchors_file: Path | None = None) -> Report:
    """Read every entry from ``start`` on and hold it against hash, seal, neighbour and witness.

    Each chain is read to its first break, which is reported with its sequence number; anchors,
    recorded heads and documents are held against the chains besides.
    """
    heads = {name: head for name, head in recorded_heads() if chain in {None, name}}
    stored = map(str, collection(AuditEntry).distinct("chain"))  # a spoilt name may be anything
    names = [chain] if chain else sorted({*stored, *heads})
    findings: list[Finding] = []
    entries = 0
    for name in names:
        walk = _Walk(name, start)
        findings += walk.findings()
        entries += walk.entries
        if name in heads:
            findings += _held_against(Kind.TRUNCATED, name, heads[name], "the recorded head")
    witnesses = _Anchors(chain, anchors_file)
    findings += witnesses.findings()
    findings += [
        Finding(Kind.BACKLINK, missing.chain, missing.seq, missing.what)
        for missing in islice(links.unlinked(chain), BATCH)
    ]
    return Report(entries, len(names), witnesses.seen, findings)


class _Walk:
    """Along one chain to its end or first break."""

    def __init__(self, chain: str, start: int) -> None:
        self.chain = chain
        self.start = start
        self.entries = 0
        self._keys = keys.mac_keys()

    def findings(self) -> list[Finding]:
        documents = collection(AuditEntry).find(
            {"chain": self.chain, "seq": {"$gte": self.start}}, sort=[("seq", 1)], batch_size=BATCH
        )
        before, expected = self._before(), self.start
        while batch := list(islice(documents, BATCH)):
            for document in batch:
                if problem := self._problem(document, expected, before):
                    return [problem]
                before, expected = document["hash"], expected + 1
                self.entries += 1
            if spoilt := self._spoilt_detail(batch):
                return [spoilt]
        return []

    def _before(self) -> str:
        if self.start <= 1:
            return Head().hash
        first = {"chain": self.chain, "seq": self.start - 1}
        found = collection(AuditEntry).find_one(first, {"hash": True})
        return found["hash"] if found else ""

    def _problem(self, document: Document, expected: int, before: str) -> Finding | None:
        seq = document["seq"]
        if not isinstance(seq, int) or seq > expected:
            return Finding(Kind.GAP, self.chain, expected, f"the next entry is {seq}")
        if seq < expected:
            return Finding(Kind.FORK, self.chain, seq, "there are two entries in this place")
        if _hash_of(document) != document.get("hash"):
            kind = Kind.REORDERED if self._stood_elsewhere(document) else Kind.CHANGED
            return Finding(kind, self.chain, seq, "the entry is not what was hashed here")
        if not self._is_sealed(document):
            return Finding(Kind.FORGED, self.chain, seq, "the seal is not ours")
        if document["prev"] != before:
            return Finding(Kind.FORK, self.chain, seq, "it follows another than the one before it")
        return None

    def _is_sealed(self, document: Document) -> bool:
        key = self._keys.get(str(document.get("key_id")))
        try:
            return key is not None and mac_of(document["hash"], key) == document.get("mac")
        except (KeyError, TypeError, ValueError):  # no hash, or none in hexadecimal
            return False

    def _stood_elsewhere(self, document: Document) -> bool:
        """Whether hash and seal fit once the sequence number is another's."""
        places = range(1, head_of(self.chain).seq + 2)
        return self._is_sealed(document) and any(
            _hash_of(document | {"seq": seq}) == document["hash"] for seq in places
        )

    def _spoilt_detail(self, batch: Iterable[Document]) -> Finding | None:
        stated = {document["_id"]: document for document in batch if document.get("private_sha256")}
        if not stated:
            return None
        rows = collection(AuditDetail).find({"_id": {"$in": list(stated)}})
        kept = {row["_id"]: hashlib.sha256(row["sealed"].encode()).hexdigest() for row in rows}
        for key, document in stated.items():
            if kept.get(key) != document["private_sha256"]:
                what = "its sealed detail is missing or changed"
                return Finding(Kind.CHANGED, self.chain, document["seq"], what)
        return None


class _Anchors:
    """Every signed head, in the file and in the database, held against the chain of today."""

    def __init__(self, chain: str | None, file: Path | None) -> None:
        self.seen = 0
        self._chain = chain
        self._file = file or anchors.default_file()
        if file and not file.exists():
            raise FileNotFoundError(file)

    def findings(self) -> list[Finding]:
        return list(islice(self._findings(), BATCH))

    def _findings(self) -> Iterator[Finding]:
        if self._file.exists():
            yield from self._check(anchors.in_file(self._file), "the file")
        yield from self._check(anchors.in_database(), "the database")

    def _check(self, statements: Iterator[Document], where: str) -> Iterator[Finding]:
        for statement in statements:
            name, seq = str(statement.get("chain", "")), int(statement.get("seq", 0))
            if self._chain not in {None, name}:
                continue
            self.seen += 1
            if not anchors.is_genuine(statement):
                yield Finding(Kind.ANCHOR, name, seq, f"an anchor in {where} is not ours")
                continue
            head = Head(seq, statement["hash"])
            yield from _held_against(Kind.ANCHOR, name, head, f"an anchor in {where}")


def _hash_of(document: Document) -> str:
    """Empty for what can have no hash: a member of a kind no entry holds."""
    try:
        return hash_of(document)
    except (TypeError, ValueError):
        return ""


def _held_against(kind: Kind, chain: str, head: Head, witness: str) -> list[Finding]:
    """A witness of an entry that is gone means a cut; of one that is another, a rewriting."""
    found = collection(AuditEntry).find_one({"chain": chain, "seq": head.seq}, {"hash": True})
    if found is None:
        last = head_of(chain).seq
        if last < head.seq:
            what = f"{witness} states {head.seq} entries, there are {last}"
            return [Finding(Kind.TRUNCATED, chain, last + 1, what)]
        return []  # a gap, that the walk reports
    if found.get("hash") != head.hash:
        return [
            Finding(
                kind if kind is Kind.ANCHOR else Kind.CHANGED,
                chain,
                head.seq,
                f"{witness} states another entry {head.seq}",
            )
        ]
    return []
