"""How long the pages take that everybody opens, in a clinic of twenty thousand patients.

::

    python -m mammotrack.embedded python -m benchmarks.pages [--patients 20000] [--users 20]
        [--seconds 20] [--pause 1]

Rows are copies of one invented patient's with six scans, put into a database of their own under
other keys and phantom names; it is dropped at the end. The pages come from the web server a
clinic runs, asked by so many signed-in doctors at once, each of whom looks ``--pause`` seconds
before the next one. Prints the figures and writes them into docs/performance.md.
"""

import argparse
import http.client
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection

from benchmarks.document import machine, write_section

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BATCH = 500  # patients a bulk insert
UNSIGNED_SHARE = 0.02  # of the patients: what a worklist holds
SPREAD_DAYS = 1000
SYLLABLES = ("ba", "ke", "lo", "mi", "nu", "ra", "se", "ti", "vo", "za")
TARGETS_MS = {"patient search": 300, "worklist": 300, "timeline": 500}

Document = dict[str, Any]
Rows = dict[str, list[Document]]


@dataclass(frozen=True)
class Doctor:
    session: str
    csrf: str
    token: str


def phantom_name(seed: random.Random) -> str:
    return "".join(seed.choice(SYLLABLES) for _ in range(3)).capitalize()


def pattern() -> tuple[Any, Rows]:
    """A clinic with one patient of six scans, and that patient's documents by collection."""
    from patients.models import Patient, PatientFact
    from tests.factories.accounts import make_clinic
    from tests.factories.analysis import make_read_patient

    clinic = make_clinic("Benchmark")
    make_read_patient(clinic)
    models = [Patient, *PatientFact.__subclasses__()]
    names = [model._meta.db_table for model in models if not model._meta.abstract]
    found = {name: list(connection.database[name].find()) for name in names}
    return clinic, {name: rows for name, rows in found.items() if rows}


def copies(rows: Rows, count: int) -> Iterator[Rows]:
    """The same patient again and again, under keys of its own and at another time."""
    seed = random.Random(7)
    keys = [document["_id"] for documents in rows.values() for document in documents]
    for number in range(count):
        fresh = {key: uuid.UUID(int=seed.getrandbits(128)).hex for key in keys}
        back = timedelta(days=seed.randrange(SPREAD_DAYS))
        made = {
            name: [_copy(document, fresh, back, seed) for document in documents]
            for name, documents in rows.items()
        }
        [patient] = made["patients_patient"]
        patient["medical_record_number"] = patient["record_number_key"] = f"PHANTOM-{number:06}"
        patient["family_name"] = phantom_name(seed)
        patient["given_name"] = phantom_name(seed)
        if seed.random() < UNSIGNED_SHARE:
            last = made["analysis_recommendation"][-1]
            last |= {"status": "PROPOSED", "signature_count": 0}
            made["analysis_decision"] = [
                each
                for each in made["analysis_decision"]
                if each["recommendation_id"] != last["_id"]
            ]
        yield made


def _copy(
    document: Document, fresh: dict[str, str], back: timedelta, seed: random.Random
) -> Document:
    copied = {
        name: fresh.get(value, value) if isinstance(value, str) else value
        for name, value in document.items()
    }
    for name in ("created_at", "signed_at", "finished_at"):
        if isinstance(copied.get(name), datetime):
            copied[name] -= back
    for name in ("key", "sha256", "pixel_sha256", "sop_instance_uid", "study_instance_uid"):
        if copied.get(name):
            copied[name] = f"{seed.getrandbits(256):064x}"
    return copied


def fill(count: int) -> tuple[Any, list[str]]:
    """Insert the patients; returns their clinic and some of their keys."""
    clinic, rows = pattern()
    made = copies(rows, count)
    some: list[str] = []
    while batch := list(islice(made, BATCH)):
        for name in rows:
            documents = [document for each in batch for document in each[name]]
            connection.database[name].insert_many(documents, ordered=False)
        some.append(batch[0]["patients_patient"][0]["_id"])
    return clinic, some


def sign_in(clinic: Any, users: int) -> list[Doctor]:
    from django.test import Client
    from django.urls import reverse

    from tests.factories.accounts import make_user

    doctors = []
    for _ in range(users):
        client = Client()
        client.force_login(make_user(clinics=[clinic]))
        page = client.get(reverse("patients:new")).content.decode()
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)
        if token is None:
            sys.exit("The page carries no token.")
        doctors.append(
            Doctor(client.cookies["session"].value, client.cookies["csrf"].value, token[1])
        )
    return doctors


@contextmanager
def web_server(folder: Path) -> Iterator[int]:
    from mammotrack.supervisor import web_command

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(web_command(port), stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    sys.exit("The web server does not start.")


def ask(port: int, doctor: Doctor, path: str, body: str | None) -> float:
    """Seconds until the whole answer is there."""
    headers = {"Cookie": f"session={doctor.session}; csrf={doctor.csrf}"}
    if body is not None:
        headers |= {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-CSRFToken": doctor.token,
            "HX-Request": "true",
            "Referer": f"http://127.0.0.1:{port}/",
        }
    begin = time.perf_counter()
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("GET" if body is None else "POST", path, body, headers)
    answer = link.getresponse()
    answer.read()
    link.close()
    if answer.status != 200:
        sys.exit(f"{path} answers {answer.status}")
    return time.perf_counter() - begin


def timed(
    port: int,
    doctors: Sequence[Doctor],
    request: Callable[[random.Random], tuple[str, str | None]],
    *,
    seconds: float,
    pause: float,
) -> list[float]:
    """All doctors at once, each asking, looking, and asking again."""
    spent: list[float] = []
    end = time.monotonic() + seconds

    def work(number: int, doctor: Doctor) -> None:
        seed = random.Random(number)
        time.sleep(pause * seed.random())
        while time.monotonic() < end:
            spent.append(ask(port, doctor, *request(seed)))
            time.sleep(pause * (0.5 + seed.random()))

    threads = [threading.Thread(target=work, args=each) for each in enumerate(doctors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(spent)


def report(name: str, spent: Sequence[float]) -> tuple[str, bool]:
    """A line of the table, and whether the page is as quick as was aimed at."""
    middle, most = (1000 * spent[int(share * (len(spent) - 1))] for share in (0.5, 0.95))
    target = TARGETS_MS[name]
    held = most <= target
    return (
        f"{name:16} median {middle:4.0f} ms, p95 {most:4.0f} ms "
        f"(target {target} ms, {'held' if held else 'NOT HELD'}), n={len(spent)}",
        held,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20, help="for each page")
    parser.add_argument("--pause", type=float, default=1.0, help="between two pages of one user")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mammotrack-") as folder:
        os.environ |= {
            "MONGODB_DATABASE": f"benchmark_{uuid.uuid4().hex[:8]}",
            "MAMMOTRACK_VAR_DIR": folder,
            "HTTPS_ONLY": "false",
            "MFA_REQUIRED": "false",
            "ALLOWED_HOSTS": "127.0.0.1,testserver",
        }
        django.setup()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        try:
            measure(options, Path(folder))
        finally:
            connection.database.client.drop_database(connection.settings_dict["NAME"])


def measure(options: argparse.Namespace, folder: Path) -> None:
    clinic, some = fill(options.patients)
    scans = connection.database["scans_mammogram"].estimated_document_count()
    lines = [
        machine(os.cpu_count() or 1),
        f"{options.patients} patients, {scans} scans, {options.users} users at once",
    ]
    print("\n".join(lines), flush=True)
    doctors = sign_in(clinic, options.users)
    requests: dict[str, Callable[[random.Random], tuple[str, str | None]]] = {
        "patient search": lambda seed: ("/patients/search/", f"text={phantom_name(seed)[:4]}"),
        "worklist": lambda seed: ("/worklist/", None),
        "timeline": lambda seed: (f"/patients/{uuid.UUID(seed.choice(some))}/", None),
    }
    all_held = True
    with web_server(folder) as port:
        for request in requests.values():  # what a server has done by eight in the morning
            timed(port, doctors, request, seconds=2, pause=0)
        for name, request in requests.items():
            spent = timed(port, doctors, request, seconds=options.seconds, pause=options.pause)
            line, held = report(name, spent)
            all_held &= held
            lines.append(line)
            print(line, flush=True)
    write_section(DOCUMENT, "pages", "\n".join(lines))
    if not all_held:
        sys.exit("A target is not held.")


if __name__ == "__main__":
    main()
