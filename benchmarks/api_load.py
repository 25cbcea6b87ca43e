"""How many reads a second the API answers, and how long each takes, with fifty clients at once.

::

    MONGODB_DATABASE=api_load python -m mammotrack.embedded python -m benchmarks.api_load
        [--patients 2000] [--clients 50] [--rounds 4] [--seconds 10]

The web server is started by the command that ``manage.py serve`` runs, with production's settings
but for TLS and the rate limit. Its clients are threads of another process; each asks again as soon
as it is answered, for one kind of read at a time, in rounds: what a machine can do changes with its
neighbours. The audit trail writes down every read. The database is dropped at the end. Prints the
table, rates as those of the slowest and the quickest round, times over all rounds, and writes it
into docs/performance.md.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import django

from benchmarks.document import machine, write_section

TARGET_RPS, TARGET_P95_MS = 100, 300
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


def ask(address: tuple[str, int], key: str, paths: list[str], *, until: float) -> list[float]:
    """One client: milliseconds of each answer. Any other than 200 ends the benchmark."""
    took, number = [], 0
    connection = HTTPConnection(*address, timeout=60)
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request(
            "GET", paths[number % len(paths)], headers={"Authorization": f"Bearer {key}"}
        )
        answer = connection.getresponse()
        content = answer.read()
        took.append(1000 * (time.perf_counter() - began))
        if answer.status != HTTPStatus.OK:
            raise SystemExit(f"{answer.status} {content!r}")
        number += 1
    connection.close()
    return took


def run_clients(order: dict) -> None:
    """What the other process does."""
    until = time.monotonic() + order["seconds"]
    address = ("127.0.0.1", order["port"])
    with ThreadPoolExecutor(order["clients"]) as pool:
        jobs = [
            pool.submit(
                ask, address, order["key"], order["paths"][n:] + order["paths"][:n], until=until
            )
            for n in range(order["clients"])
        ]
        print(json.dumps([took for job in jobs for took in job.result()]))


def fill(patients: int) -> tuple[str, dict[str, list[str]]]:
    """A clinic; returns a key and the addresses of each kind of read."""
    from mammotrack.accounts.models import Role
    from patients.models import Patient
    from tests.factories.accounts import make_clinic, make_token, make_user
    from tests.factories.analysis import make_decision, make_recommendation
    from tests.factories.patients import make_course, make_cycle, make_patient
    from tests.factories.scans import make_pair

    clinic = make_clinic("Load")
    _, key = make_token(make_user(Role.DOCTOR, clinics=[clinic]))
    rows = [
        Patient(
            clinic=clinic,
            medical_record_number=f"L{number}",
            family_name=f"Phantom{number}",
            given_name="Load",
            birth_date=date(1960, 1, 1) + timedelta(days=number % 9000),
        )
        for number in range(patients)
    ]
    for row in rows:
        row.derive_keys()
    Patient.objects.bulk_create(rows, batch_size=500)
    timelines, predictions = [], []
    for _ in range(20):
        patient = make_patient(clinic)
        course = make_course(patient)
        for cycle in range(1, 7):
            make_cycle(course, cycle, given_date=course.start_date + timedelta(days=21 * cycle))
        for laterality in "LR":
            for view in ("CC", "MLO"):
                prior, current = make_pair(patient, laterality=laterality, view=view)
                made = make_recommendation(prior=prior, current=current)
                make_decision(made)
                predictions.append(f"/api/v1/predictions/{made.current_prediction_id}/")
        timelines.append(f"/api/v1/patients/{patient.pk}/timeline/")
    return key, {
        "patient list": ["/api/v1/patients/?page_size=50"],
        "timeline": timelines,
        "prediction": predictions,
    }


def peak_mib(pid: int) -> float:
    """Of the process and its children, added up."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    status = (Path(f"/proc/{each}/status").read_text() for each in pids)
    return sum(int(text.split("VmHWM:")[1].split()[0]) for text in status) / 1024


def main() -> None:
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        run_clients(json.loads(sys.argv[1]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()

    with TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
            "MAMMOTRACK_VAR_DIR": folder,
            "HTTPS_ONLY": "false",
            "ALLOWED_HOSTS": "127.0.0.1",
            "API_REQUESTS_A_MINUTE": str(10**9),
        }
        django.setup()
        measure(port, options)


def measure(port: int, options: argparse.Namespace) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from mammotrack import supervisor

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody signs in
    connection.database.client.drop_database(connection.settings_dict["NAME"])
    call_command("migrate", verbosity=0)
    Path(settings.STATIC_ROOT).mkdir()
    key, reads = fill(options.patients)
    lines: list[str] = []

    def say(line: str) -> None:
        print(line)
        lines.append(line)

    say(f"{machine(os.cpu_count() or 0)} before")
    say(
        f"{options.patients} patients, {options.clients} clients,"
        f" {options.rounds} rounds of {options.seconds} s each"
    )
    say(f"{'':14}{'n':>7}{'a second':>17}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}")
    with subprocess.Popen(supervisor.web_command(port)) as server:
        try:
            wait_for(port)
            for paths in reads.values():  # what is loaded once is not counted
                ask(("127.0.0.1", port), key, paths, until=time.monotonic() + 1)
            rounds = [
                {name: by_clients(port, key, paths, options) for name, paths in reads.items()}
                for _ in range(options.rounds)
            ]
            for name in reads:
                say(_row(name, [each[name] for each in rounds], options.seconds))
            say(f"peak memory of the web server: {peak_mib(server.pid):.0f} MiB")
        finally:
            server.terminate()
            server.wait()
    write_section(DOCUMENT, "reads", "\n".join(lines))
    connection.database.client.drop_database(connection.settings_dict["NAME"])


def _row(name: str, rounds: list[list[float]], seconds: int) -> str:
    rates = sorted(len(took) / seconds for took in rounds)
    times = [each for took in rounds for each in took]
    cut = statistics.quantiles(times, n=100)
    held = rates[0] >= TARGET_RPS and cut[94] < TARGET_P95_MS
    return (
        f"{name:14}{len(times):>7}{f'{rates[0]:.1f} to {rates[-1]:.1f}':>17}"
        f"{cut[49]:>8.0f}{cut[94]:>8.0f}{cut[98]:>8.0f}  {'held' if held else 'not held'}"
    )


def by_clients(port: int, key: str, paths: list[str], options: argparse.Namespace) -> list[float]:
    order = {
        "port": port,
        "key": key,
        "paths": paths,
        "clients": options.clients,
        "seconds": options.seconds,
    }
    command = [sys.executable, "-m", "benchmarks.api_load", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    times: list[float] = json.loads(done.stdout)
    return times


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the web server did not start")


if __name__ == "__main__":
    main()
