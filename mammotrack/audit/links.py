"""Which documents must have an entry: what the trail would have to deny if its end were cut off.

The link runs from the entry to the document. An app registers each kind of document with the
action that made it. A document without such an entry in its chain was not made by MammoTrack,
or its entry was removed; one that says other than its last entry was changed behind its back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Model

from mammotrack.audit.canonical import Document, counted
from mammotrack.audit.chain import collection
from mammotrack.audit.models import SYSTEM_CHAIN, Action, AuditEntry

BATCH = 1000


@dataclass(frozen=True)
class Link:
    model: type[Model]
    action: Action
    stated: tuple[str, ...]
    where: Mapping[str, Any]


@dataclass(frozen=True)
class Unlinked:
    chain: str
    seq: int  # of the last entry about the document, 0 if there is none
    what: str


_links: list[Link] = []


def expect(
    model: type[Model], action: Action, *, stated: tuple[str, ...] = (), **where: Any
) -> None:
    """Each stored document of this kind, that has these values, has an entry of this action.

    Its version is the highest of its entries, and the ``stated`` fields are as the last one says.
    """
    _links.append(Link(model, action, stated, where))


def unlinked(chain: str | None = None) -> Iterator[Unlinked]:
    for link in _links:
        rows = _rows(link, chain)
        while batch := list(islice(rows, BATCH)):
            last = _last_entries(link, [row["_id"] for row in batch])
            for row in batch:
                key = (row["_id"], chain_of(row))
                if problem := _problem(link, row, last.get(key)):
                    name = f"{link.model._meta.model_name} {row['_id']}"
                    seq = last[key]["seq"] if key in last else 0
                    yield Unlinked(key[1], seq, f"{name} {problem}")


def chain_of(row: Document) -> str:
    return str(UUID(row["clinic_id"])) if row.get("clinic_id") else SYSTEM_CHAIN


def _rows(link: Link, chain: str | None) -> Iterator[Document]:
    is_clinical = any(field.name == "clinic" for field in link.model._meta.get_fields())
    condition = dict(link.where)
    if chain is not None and is_clinical == (chain == SYSTEM_CHAIN):
        return iter(())
    if chain is not None and is_clinical:
        condition["clinic_id"] = UUID(chain).hex
    wanted = ("clinic_id", "version", *link.stated)
    return iter(collection(link.model).find(condition, dict.fromkeys(wanted, True)))


def _last_entries(link: Link, ids: list[str]) -> dict[tuple[str, str], Document]:
    """By document and chain: its last entry, with all actions and the highest version of any.

    Who archives a record may have read it before somebody else changed it. What is stated comes
    from the last entry of the link's own action: others, like a sign-in, state nothing.
    """
    found: dict[tuple[str, str], Document] = {}
    about = {"object_id": {"$in": ids}, "object_type": link.model._meta.model_name}
    wanted = ("object_id", "chain", "seq", "action", "object_version", "detail")
    for entry in collection(AuditEntry).find(about, dict.fromkeys(wanted, True)).sort("seq", 1):
        key = (entry["object_id"], entry["chain"])
        before = found.get(key, {"actions": frozenset(), "object_version": None, "detail": {}})
        found[key] = entry | {
            "actions": before["actions"] | {entry["action"]},
            "object_version": _later(before["object_version"], entry["object_version"]),
            "detail": (entry if entry["action"] == link.action else before)["detail"],
        }
    return found


def _later(one: int | None, other: int | None) -> int | None:
    return max(one, other) if one is not None and other is not None else other or one


def _problem(link: Link, row: Document, last: Document | None) -> str:
    if last is None or link.action not in last["actions"]:
        return f"has no entry {link.action.value}"
    if counted(row.get("version")) != last["object_version"]:
        return "has a version its entries do not know"
    differ = [name for name in link.stated if row.get(name) != last["detail"].get(name)]
    return f"differs from its last entry in {', '.join(differ)}" if differ else ""
