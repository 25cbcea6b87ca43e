"""How fast the audit trail grows and how fast it is checked.

::

    python -m mammotrack.embedded python -m benchmarks.audit [--writers 8] [--appends 2000]
        [--entries 1000000]

Appends come from processes of their own, each in a transaction, all to one chain. For the
verification a chain is written directly, sealed as ``record`` seals it. Both happen in a
database of their own, which is dropped at the end.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

BATCH = 10_000
LOOKS = 50


def append(chain: uuid.UUID, count: int) -> None:
    """What one writer does."""
    from mammotrack.accounts.models import Clinic
    from mammotrack.audit.models import Action
    from mammotrack.audit.services import record
    from mammotrack.db import atomic, retry_on_conflict

    @retry_on_conflict
    def change(subject: Clinic) -> None:
        with atomic():
            record(Action.PATIENT_UPDATED, subject=subject, clinic_id=chain, actor=None)

    subject = Clinic(pk=chain)
    for _ in range(count):
        change(subject)


def measure_appends(writers: int, count: int) -> None:
    from mammotrack.audit.verify import verify

    chain = uuid.uuid4()
    command = [sys.executable, "-m", "benchmarks.audit", "--append", chain.hex, str(count)]
    environment = {
        **os.environ,
        "MONGODB_DATABASE": connection.settings_dict["NAME"],
        "MAMMOTRACK_AUDIT_DIR": str(settings.AUDIT_DIR),
    }
    processes = [
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(writers)
    ]
    for process in processes:
        process.stdout.readline()  # type: ignore[union-attr]  # it is ready
    start = time.perf_counter()
    for process in processes:
        process.stdin.close()  # type: ignore[union-attr]
    if any(process.wait() for process in processes):
        sys.exit("A writer failed.")
    seconds = time.perf_counter() - start
    report = verify(chain=str(chain))
    print(
        f"appends: {writers} writers x {count} in {seconds:.1f} s, "
        f"{writers * count / seconds:.0f}/s; one chain of {report.entries}, "
        f"{'intact' if report.is_intact else report.findings}"
    )


def measure_verification(count: int) -> None:
    from mammotrack.audit.chain import collection
    from mammotrack.audit.models import AuditEntry
    from mammotrack.audit.verify import verify

    chain = uuid.uuid4()
    written = _entries(chain, count)
    while batch := list(islice(written, BATCH)):
        collection(AuditEntry).insert_many(batch, ordered=False)
    before = _megabytes()
    start, spent = time.perf_counter(), time.process_time()
    report = verify(chain=str(chain))
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    print(
        f"verification: {report.entries} entries in {seconds:.1f} s ({spent:.1f} s of processor), "
        f"{'intact' if report.is_intact else report.findings}; "
        f"most memory {_megabytes():.0f} MB, {before:.0f} MB of it before"
    )


def _entries(chain: uuid.UUID, count: int) -> Iterator[dict[str, object]]:
    from mammotrack.audit.chain import Head, seal
    from mammotrack.audit.models import Action
    from mammotrack.audit.services import new_entry

    head = Head()
    for _ in range(0, count, BATCH):
        batch = [
            new_entry(
                Action.RECORD_READ,
                clinic_id=chain,
                actor=None,
                object_type="view",
                object_id=uuid.uuid4(),
                object_version=None,
                patient_id=uuid.uuid4(),
                detail={"view": "patients:detail", "method": "GET", "status": 200},
            )
            for _ in range(BATCH)
        ]
        head = seal(batch, head)
        yield from batch


def measure_reads() -> None:
    """What the trace of one read costs the request: a line on disk, synced."""
    from mammotrack.audit import services
    from mammotrack.audit.trace import Trace

    spent = []
    for _ in range(LOOKS):
        traced = Trace(auth="session", session="", ip="")
        traced.touched[uuid.uuid4()].add(uuid.uuid4())
        start = time.perf_counter()
        services.note_read(view="patients:detail", object_id=None, reader=None, traced=traced)
        spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    print(
        f"one read: {spent[LOOKS // 2]:.1f} ms in the middle, {spent[0]:.1f} ms at least, "
        f"{spent[-1]:.1f} ms at most (n={LOOKS})"
    )


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--appends", type=int, default=2000, help="of each writer")
    parser.add_argument("--entries", type=int, default=1_000_000, help="to verify")
    parser.add_argument("--append", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.append:
        django.setup()
        print("ready", flush=True)
        sys.stdin.read()
        append(uuid.UUID(options.append[0]), int(options.append[1]))
        return
    with tempfile.TemporaryDirectory(prefix="mammotrack-") as folder:
        os.environ["MONGODB_DATABASE"] = f"benchmark_{uuid.uuid4().hex[:8]}"
        os.environ["MAMMOTRACK_AUDIT_DIR"] = str(Path(folder) / "audit")
        django.setup()
        call_command("migrate", verbosity=0)
        try:
            measure_reads()
            measure_appends(options.writers, options.appends)
            measure_verification(options.entries)
        finally:
            connection.database.client.drop_database(connection.settings_dict["NAME"])


if __name__ == "__main__":
    main()
