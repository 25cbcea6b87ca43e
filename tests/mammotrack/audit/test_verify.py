"""What somebody with the whole database in their hands can do to the trail, and what finds it."""

import gc
import json
import random
import shutil
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from uuid import UUID, uuid4

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pymongo.errors import PyMongoError

from mammotrack.audit import anchors, chain, keys, spool
from mammotrack.audit.canonical import hash_of, mac_of
from mammotrack.audit.chain import collection
from mammotrack.audit.models import SYSTEM_CHAIN, Action, AuditAnchor, AuditDetail, AuditEntry
from mammotrack.audit.services import new_entry, record
from mammotrack.audit.verify import verify
from mammotrack.db import atomic
from tests.factories.accounts import make_clinic

pytestmark = pytest.mark.django_db

LENGTH = 60
CHAINS, LINKS = 1000, 4
ACT = {
    "action": Action.RECORD_READ,
    "actor": None,
    "object_type": "view",
    "object_id": None,
    "object_version": None,
    "patient_id": None,
    "detail": {"view": "patients:detail"},
}
THIEF = b"not a key of ours, but as long as one"


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def entries(clinic):
    """The collection, with one chain in it."""
    append(clinic, LENGTH)
    return collection(AuditEntry)


def append(clinic, count):
    for number in range(count):
        with atomic():
            record(
                Action.PATIENT_UPDATED,
                subject=clinic,
                clinic_id=clinic.pk,
                actor=None,
                patient_id=clinic.pk,
                number=number,
                private={"family_name": ["Öz", "Łuk"]} if number % 7 == 0 else None,
            )


def found(clinic, **options):
    return [
        (finding.kind.value, finding.seq)
        for finding in verify(chain=str(clinic.pk), **options).findings
    ]


def reseal(document, *, key=THIEF, prev=None):
    """As somebody would who knows the format and not the key."""
    if prev:
        document["prev"] = prev
    document["hash"] = hash_of(document)
    document["mac"] = mac_of(document["hash"], key)
    return document


def test_an_untouched_chain_is_intact(clinic, entries):
    report = verify(chain=str(clinic.pk))

    assert (report.is_intact, report.entries, report.chains) == (True, LENGTH, 1)
    assert entries.find_one({"seq": 1})["prev"] == "0" * 64


def changed(value, generator):
    """The value with one byte, bit or character of it another."""
    match value:
        case bool() | None:
            return "x"
        case int():
            return value + 1000
        case dict():
            return value | {"added": ""}
        case str() if value:
            place = generator.randrange(len(value))
            return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
        case str():
            return "x"
    return value + timedelta(milliseconds=1)


@pytest.mark.parametrize("seed", range(3))
def test_R01_any_changed_field_is_found_with_its_place(seed, clinic, entries):
    generator = random.Random(seed)
    fields = sorted(entries.find_one({"seq": 2}).keys() - {"_id"})
    for field in fields:
        seq = generator.randrange(2, LENGTH)
        before = entries.find_one({"chain": str(clinic.pk), "seq": seq})
        entries.update_one(
            {"_id": before["_id"]}, {"$set": {field: changed(before[field], generator)}}
        )

        findings = found(clinic)

        assert findings[0][1] == seq, field
        entries.replace_one({"_id": before["_id"]}, before)
    assert found(clinic) == []
    assert len(fields) == 22


def test_R01_any_byte_of_a_thousand_entries_is_found_with_its_place():
    """One entry of each chain is stored with one byte of it another, names and lengths included.

    Each chain is anchored, as a real one is within a quarter of an hour.
    """
    generator = random.Random(1)
    expected = {}
    for _ in range(CHAINS):
        name = uuid4()
        documents = [new_entry(**ACT, clinic_id=name) for _ in range(LINKS)]
        chain.seal(documents, chain.Head())
        victim = generator.randrange(LINKS)
        expected[str(name)] = victim + 1
        collection(AuditEntry).insert_many(documents)
        anchors.anchor(str(name))
        spoil(collection(AuditEntry), documents[victim], generator)

    findings = verify().findings

    first = {}
    for finding in findings:
        first.setdefault(finding.chain, finding.seq)
    missed = {name: seq for name, seq in expected.items() if first.get(name) != seq}
    assert missed == {}


def spoil(entries, document, generator):
    """Store the entry with one random bit of its bytes turned, where that makes a document."""
    raw = bson.encode(document)
    while True:
        spoilt = bytearray(raw)
        place = generator.randrange(4, len(spoilt) - 1)
        spoilt[place] ^= 1 << generator.randrange(8)
        stored = [RawBSONDocument(bytes(spoilt))]
        entries.delete_one({"_id": document["_id"]})
        with suppress(PyMongoError, bson.errors.BSONError):  # what is no document
            if entries.database.command("insert", entries.name, documents=stored)["n"]:
                return


def test_R01_an_added_field_another_id_and_another_detail_are_found(clinic, entries):
    entries.update_one({"seq": 5}, {"$set": {"note": ""}})
    assert found(clinic) == [("changed", 5)]
    entries.update_one({"seq": 5}, {"$unset": {"note": ""}})

    document = entries.find_one_and_delete({"seq": 6})
    entries.insert_one(document | {"_id": "0" * 32})
    assert found(clinic) == [("changed", 6)]
    entries.delete_one({"seq": 6})
    entries.insert_one(document)

    collection(AuditDetail).update_one(
        {"_id": entries.find_one({"seq": 8})["_id"]}, {"$set": {"sealed": "AAAA"}}
    )
    assert found(clinic) == [("changed", 8)]
    collection(AuditDetail).delete_one({"_id": entries.find_one({"seq": 8})["_id"]})
    assert found(clinic) == [("changed", 8)]


@pytest.mark.parametrize("seq", [1, 2, 30, LENGTH - 1])
def test_R02_a_removed_entry_is_a_gap(seq, clinic, entries):
    entries.delete_one({"seq": seq})

    assert found(clinic) == [("gap", seq)]


@pytest.mark.parametrize("count", [1, 2, 7, 23, 50, LENGTH])
def test_R03_a_tail_cut_off_is_found(count, clinic, entries):
    entries.delete_many({"seq": {"$gt": LENGTH - count}})

    assert found(clinic) == [("truncated", LENGTH - count + 1)]


def test_R03_a_tail_cut_off_is_found_by_a_copy_of_the_anchors_alone(
    clinic, entries, audit_dir, tmp_path
):
    """As somebody does who holds the database and this machine, whatever was not copied away."""
    anchors.anchor(str(clinic.pk))
    copied = (audit_dir / "anchors.jsonl").rename(tmp_path / "anchors.jsonl")
    collection(AuditAnchor).delete_many({})
    shutil.rmtree(audit_dir / "heads")

    for count in range(1, 51):
        entries.delete_one({"seq": LENGTH - count + 1})
        assert found(clinic, anchors_file=copied) == [("truncated", LENGTH - count + 1)]


def test_R03_a_tail_cut_off_and_grown_again_is_found(clinic, entries, audit_dir):
    """By an anchor, where the record of the last entry went on with the new tail."""
    anchors.anchor(str(clinic.pk))
    entries.delete_many({"seq": {"$gt": LENGTH - 10}})
    append(clinic, 20)

    assert found(clinic) == [("anchor", LENGTH), ("anchor", LENGTH)]
    (audit_dir / "anchors.jsonl").unlink()
    assert found(clinic) == [("anchor", LENGTH)]


def test_R04_two_entries_in_each_others_place_are_found(clinic, entries):
    ids = [entries.find_one({"seq": seq})["_id"] for seq in (20, 40)]
    for key, seq in zip(ids, (0, 20), strict=True):
        entries.update_one({"_id": key}, {"$set": {"seq": seq}})
    entries.update_one({"_id": ids[0]}, {"$set": {"seq": 40}})

    assert found(clinic) == [("reordered", 20)]


def test_R05_an_entry_appended_without_the_key_is_forged(clinic, entries):
    last = entries.find_one({"seq": LENGTH})
    forged = last | {"_id": "f" * 32, "seq": LENGTH + 1, "private_sha256": ""}
    entries.insert_one(reseal(forged, prev=last["hash"]))

    assert found(clinic) == [("forged", LENGTH + 1)]
    entries.update_one({"seq": LENGTH + 1}, {"$set": {"key_id": "k9"}})
    assert found(clinic) == [("changed", LENGTH + 1)]


def test_R05_an_entry_squeezed_in_is_found(clinic, entries):
    """Where the one it displaces keeps its place, once the unique index is out of the way."""
    entries.drop_index("audit_seq_once")
    try:
        twin = entries.find_one({"seq": 30}) | {"_id": "f" * 32}
        entries.insert_one(reseal(twin))

        assert found(clinic) in ([("fork", 30)], [("forged", 30)])
    finally:
        entries.delete_one({"_id": "f" * 32})
        entries.create_index([("chain", 1), ("seq", 1)], unique=True, name="audit_seq_once")


@pytest.mark.parametrize("start", [1, 30, LENGTH])
@pytest.mark.parametrize("keeps_the_seals", [False, True])
def test_R06_a_chain_rebuilt_without_the_key_is_forged_from_there(
    keeps_the_seals, start, clinic, entries
):
    prev = entries.find_one({"seq": start})["prev"]
    for document in list(entries.find({"seq": {"$gte": start}}, sort=[("seq", 1)])):
        rebuilt = reseal(document | {"role": "ADMIN"}, prev=prev)
        if keeps_the_seals:
            rebuilt["mac"] = document["mac"]
        entries.replace_one({"_id": document["_id"]}, rebuilt)
        prev = rebuilt["hash"]

    assert found(clinic)[0] == ("forged", start)


def test_R06_a_chain_wholly_removed_is_found(clinic, entries):
    entries.delete_many({})

    assert found(clinic) == [("truncated", 1)]
    assert [finding.kind for finding in verify().findings] == ["truncated"]


def test_R13_entries_sealed_before_a_rotation_go_on_verifying(clinic, entries, audit_dir):
    assert keys.rotate_mac_key() == "k2"
    append(clinic, 5)

    assert {row["key_id"] for row in entries.find({"seq": {"$gt": LENGTH}})} == {"k2"}
    assert found(clinic) == []
    assert (audit_dir / "mac_keys").stat().st_mode & 0o777 == 0o400
    file = audit_dir / "mac_keys"
    second = file.read_text().splitlines()[1]
    file.unlink()
    file.write_text(second + "\n")
    assert found(clinic) == [("forged", 1)]


def test_anchors_are_signed_once_a_growth_and_hold_without_our_database(clinic, entries, audit_dir):
    assert anchors.anchor_all() == 1
    assert anchors.anchor_all() == 0
    append(clinic, 1)
    assert anchors.anchor_all() == 1

    first, second = list(anchors.in_file(audit_dir / "anchors.jsonl"))
    assert (first["seq"], first["count"], second["seq"]) == (LENGTH, LENGTH, LENGTH + 1)
    assert first["hash"] == entries.find_one({"seq": LENGTH})["hash"]
    assert anchors.is_genuine(first)
    assert not anchors.is_genuine(first | {"seq": LENGTH + 1})
    assert verify(chain=str(clinic.pk)).anchors == 4

    collection(AuditAnchor).update_one({"seq": LENGTH}, {"$set": {"hash": "0" * 64}})
    assert found(clinic) == [("anchor", LENGTH)]


def test_verification_starts_where_it_is_told(clinic, entries):
    entries.update_one({"seq": 3}, {"$set": {"role": "x"}})

    assert found(clinic, start=1) == [("changed", 3)]
    report = verify(chain=str(clinic.pk), start=31)
    assert (report.is_intact, report.entries) == (True, LENGTH - 30)


def test_the_command_says_so_with_its_status(clinic, entries, tmp_path):
    out = StringIO()
    call_command("audit_verify", chain=str(clinic.pk), stdout=out)
    assert out.getvalue() == f"intact: {LENGTH} entries in 1 chains, 0 anchors\n"

    entries.delete_one({"seq": 9})
    out = StringIO()
    with pytest.raises(SystemExit) as broken:
        call_command("audit_verify", json=True, stdout=out)
    assert broken.value.code == 1
    report = json.loads(out.getvalue())
    assert report["intact"] is False
    assert report["findings"][0] == {
        "kind": "gap",
        "chain": str(clinic.pk),
        "seq": 9,
        "what": "the next entry is 10",
    }

    with pytest.raises(CommandError) as failed:
        call_command("audit_verify", anchors=tmp_path / "none.jsonl")
    assert failed.value.returncode == 2


def test_documents_are_held_against_their_entries(clinic, django_user_model):
    user = django_user_model.objects.create_user("eva", full_name="Eva", role="DOCTOR")
    Client().force_login(user)
    spool.drain()
    assert verify(chain=SYSTEM_CHAIN).is_intact
    people = collection(django_user_model)

    people.update_one({}, {"$set": {"role": "ADMIN"}})
    [raised] = verify(chain=SYSTEM_CHAIN).findings
    assert (raised.kind, raised.seq) == ("backlink", 2)  # the last entry is of the sign-in
    assert raised.what == f"user {user.pk.hex} differs from its last entry in role"

    people.insert_one(people.find_one() | {"_id": "e" * 32, "username": "eve"})
    assert [finding.seq for finding in verify().findings] == [2, 0]


def test_the_last_entry_of_each_machine_is_recorded(clinic, entries):
    assert dict(chain.recorded_heads()) == {
        str(clinic.pk): (LENGTH, entries.find_one({"seq": LENGTH})["hash"])
    }
    assert spool.drain() == 0


def test_R11_memory_does_not_grow_with_the_chain(clinic):
    """The time of a million is the benchmark's to measure: python -m benchmarks.audit."""
    append(clinic, 1)  # keys and connections are made
    peaks = []
    for count in (2000, 8000):
        name = str(uuid4())
        head = chain.Head()
        for _ in range(count // 1000):
            batch = [new_entry(**ACT, clinic_id=UUID(name)) for _ in range(1000)]
            head = chain.seal(batch, head)
            collection(AuditEntry).insert_many(batch)
        del batch
        gc.collect()
        tracemalloc.start()
        report = verify(chain=name)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (report.is_intact, report.entries) == (True, count)

    assert peaks[1] < 1.2 * peaks[0]
