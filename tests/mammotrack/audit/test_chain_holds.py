"""What somebody with the database, and not the keys, can do to a chain, all of it found."""

import threading

import pytest
from django.db import connection

from benchmarks.audit import append
from mammotrack.audit.chain import collection
from mammotrack.audit.models import AuditEntry
from mammotrack.audit.verify import verify
from tests.factories.accounts import make_clinic

pytestmark = pytest.mark.django_db(transaction=True)

LENGTH, WRITERS, EACH = 30, 20, 5


def edit(entries, chain):
    entries.update_one({"chain": chain, "seq": 11}, {"$set": {"action": "record.read.not"}})


def delete(entries, chain):
    entries.delete_one({"chain": chain, "seq": 11})


def insert(entries, chain):
    last = entries.find_one({"chain": chain, "seq": LENGTH})
    entries.insert_one(last | {"_id": "f" * 32, "seq": LENGTH + 1})


def reorder(entries, chain):
    ids = [entries.find_one({"chain": chain, "seq": seq})["_id"] for seq in (11, 12)]
    for key, seq in ((ids[0], 0), (ids[1], 11), (ids[0], 12)):
        entries.update_one({"_id": key}, {"$set": {"seq": seq}})


def cut_the_tail(entries, chain):
    entries.delete_many({"chain": chain, "seq": {"$gt": 11}})


@pytest.mark.parametrize(
    ("tamper", "seq"),
    [(edit, 11), (delete, 11), (insert, LENGTH + 1), (reorder, 11), (cut_the_tail, 12)],
)
def test_A5_what_is_done_to_the_database_is_found_with_its_place(tamper, seq):
    clinic = make_clinic()
    append(clinic.pk, LENGTH)
    assert verify(chain=str(clinic.pk)).is_intact

    tamper(collection(AuditEntry), str(clinic.pk))

    assert verify(chain=str(clinic.pk)).findings[0].seq == seq


def test_A5_twenty_writers_make_one_unforked_chain():
    clinic = make_clinic()
    failures = []

    def write():
        try:
            append(clinic.pk, EACH)
        except Exception as error:
            failures.append(error)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    report = verify(chain=str(clinic.pk))
    assert failures == []
    assert (report.is_intact, report.entries) == (True, WRITERS * EACH)
    places = [row["seq"] for row in collection(AuditEntry).find({"chain": str(clinic.pk)})]
    assert sorted(places) == list(range(1, WRITERS * EACH + 1))
