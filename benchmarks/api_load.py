"""How many reads a second the API answers, and how long each takes, with fifty clients at once.

::

    MONGODB_DATABASE=api_load python -m mammotrack.embedded python -m benchmarks.api_load
        [--patients 2000] [--clients 50] [--rounds 4] [--seconds 10]

The web server is started by the command that ``manage.py serve`` runs, with production's settings
but for TLS and the rate limit. Its clients are threads of another process and ask for one kind of
read at a time, in rounds: what a machine can do changes with its neighbours. First as fast as they
can, each again as soon as it is answered: that finds the rate. Then at the wanted rate, each at
its own times, and an answer's time runs from when its request was due, so that a late answer makes
those behind it late: that finds how long one waits at this rate. The audit trail writes down every
read. The database is dropped at the end. Prints the table, rates as those of the slowest and the
quickest round, times over all rounds, and writes it into docs/performance.md.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import django

from benchmarks.document import machine, write_section

WANTED_RATE = 100  # requests a second, of all clients together
WANTED_P95_MS = 300  # at that rate
HEADING = f"{'':14}{'n':>7}{'a second':>17}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}"
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"


@dataclass(frozen=True)
class Order:
    """What the clients are to do: ``pause`` is from one request's due time to the next one's, in
    seconds; without one a client asks again at once."""

    port: int
    key: str
    paths: list[str]
    clients: int
    seconds: float
    pause: float | None = None


@dataclass(frozen=True)
class Round:
    """Milliseconds of each answer, and seconds from the first request to the last answer."""

    took: list[float]
    lasted: float

    @property
    def rate(self) -> float:
        return len(self.took) / self.lasted


def ask(order: Order, client: int) -> list[float]:
    """One client: milliseconds of each answer. Any other than 200 ends the benchmark."""
    took: list[float] = []
    began = time.perf_counter()
    due = began + (order.pause or 0) * client / order.clients
    connection = HTTPConnection("127.0.0.1", order.port, timeout=60)
    while due < began + order.seconds:
        time.sleep(max(0, due - time.perf_counter()))
        path = order.paths[(client + len(took)) % len(order.paths)]
        connection.request("GET", path, headers={"Authorization": f"Bearer {order.key}"})
        answer = connection.getresponse()
        content = answer.read()
        ended = time.perf_counter()
        took.append(1000 * (ended - due))
        if answer.status != HTTPStatus.OK:
            raise SystemExit(f"{answer.status} {content!r}")
        due = due + order.pause if order.pause else ended
    connection.close()
    return took


def run_clients(order: Order) -> None:
    """What the other process does: prints the round."""
    began = time.perf_counter()
    with ThreadPoolExecutor(order.clients) as pool:
        jobs = [pool.submit(ask, order, client) for client in range(order.clients)]
        took = [each for job in jobs for each in job.result()]
    print(json.dumps({"took": took, "lasted": time.perf_counter() - began}))


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
        run_clients(Order(**json.loads(sys.argv[1])))
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
    with subprocess.Popen(supervisor.web_command(port)) as server:
        try:
            wait_for(port)
            orders = {
                name: Order(port, key, paths, options.clients, options.seconds)
                for name, paths in reads.items()
            }
            for order in orders.values():  # what is loaded once is not counted
                ask(replace(order, seconds=1), 0)
            say(f"\nas fast as they can:\n{HEADING}")
            measure_rounds(orders, options.rounds, say)
            say(f"\n{WANTED_RATE} a second:\n{HEADING}")
            pause = options.clients / WANTED_RATE
            paced = {name: replace(order, pause=pause) for name, order in orders.items()}
            measure_rounds(paced, options.rounds, say)
            say(f"peak memory of the web server: {peak_mib(server.pid):.0f} MiB")
        finally:
            server.terminate()
            server.wait()
    write_section(DOCUMENT, "reads", "\n".join(lines))
    connection.database.client.drop_database(connection.settings_dict["NAME"])


def measure_rounds(orders: dict[str, Order], rounds: int, say: Callable[[str], None]) -> None:
    done = [{name: by_clients(order) for name, order in orders.items()} for _ in range(rounds)]
    for name, order in orders.items():
        mine = [each[name] for each in done]
        rates = sorted(each.rate for each in mine)
        times = [took for each in mine for took in each.took]
        p50, p95, p99 = (statistics.quantiles(times, n=100)[each] for each in (49, 94, 98))
        held = p95 < WANTED_P95_MS if order.pause else rates[0] >= WANTED_RATE
        say(
            f"{name:14}{len(times):>7}{f'{rates[0]:.1f} to {rates[-1]:.1f}':>17}"
            f"{p50:>8.0f}{p95:>8.0f}{p99:>8.0f}  {'held' if held else 'not held'}"
        )


def by_clients(order: Order) -> Round:
    command = [sys.executable, "-m", "benchmarks.api_load", json.dumps(asdict(order))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Round(**json.loads(done.stdout))


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
