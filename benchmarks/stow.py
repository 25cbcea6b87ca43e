"""Upload of full-field mammograms by STOW-RS: MammoTrack beside Orthanc, in one run.

``python -m benchmarks.stow [--files 12] [--clients 2]`` serves the application and an Orthanc
(Debian packages orthanc and orthanc-dicomweb) on loopback, each with an empty store, sends both
the same files of 27 MB, one a request, prints MB/s and the most memory the web processes held, and
writes them into docs/performance.md.

The work is not the same. Orthanc writes the file and reads its tags. MammoTrack decodes every
picture in a process of its own, renders what pages show, syncs the disk, and queues the analysis.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pydicom
import requests
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from benchmarks.document import machine, write_section

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
LOOK_EVERY_S = 0.05
ROWS, COLUMNS = 4096, 3328  # 24 x 29 cm at 70 um: 27.3 MB of 16-bit samples
ORTHANC = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
BOUNDARY = "cut-here"
MB = 1e6


def film(number: int, study: str) -> bytes:
    """A breast-like disc with noise, as the detector would send it."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
    inside = np.hypot((y - ROWS / 2) / (ROWS / 2), x / (COLUMNS * 0.8)) < 1
    pixels = inside * (2000 + 800 * np.cos(x / 90) * np.sin(y / 70) + rng.normal(0, 40, x.shape))
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.2")
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[study, str(number)])
    ds = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, f"{study}.1"
    ds.Modality, ds.PresentationIntentType = "MG", "FOR PRESENTATION"
    ds.StudyDate, ds.PatientBirthDate, ds.PatientSex = "20240131", "19700203", "F"
    ds.PatientID, ds.PatientName = "BENCH-1", "Synthetic^Phantom"
    ds.ImageLaterality, ds.ViewPosition = "LR"[number % 2], ("CC", "MLO")[number // 2 % 2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelSpacing = [0.07, 0.07]
    ds.PixelData = np.clip(pixels, 0, 4095).astype("<u2").tobytes()
    with tempfile.TemporaryFile() as written:
        pydicom.dcmwrite(written, ds, enforce_file_format=True)
        written.seek(0)
        return written.read()


def body_of(content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(url: str, bodies: list[bytes], *, clients: int, token: str | None) -> float:
    """Seconds until every file is acknowledged."""
    headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    local = threading.local()

    def send(body: bytes) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        answer = local.session.post(f"{url}/studies", data=body, headers=headers, timeout=300)
        if answer.status_code != 200:
            raise SystemExit(f"{url} answered {answer.status_code}: {answer.text[:300]}")

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, bodies))
    return time.perf_counter() - began


def peak_mb(pids: list[int]) -> float:
    """The most resident memory each of the processes ever had, added up.

    What several of them share is counted in each.
    """
    peaks = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.search(r"VmHWM:\s+(\d+)", text)[1]) for text in peaks) * 1024 / MB


class SharedMemory:
    """The most memory processes held together: what n of them share is a n-th of each (PSS)."""

    def __init__(self, pids: list[int]) -> None:
        self._pids, self._stopped, self.peak_mb = pids, threading.Event(), 0.0
        self._watching = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._watching.join()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            held = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids]
            kib = sum(int(re.search(r"Pss:\s+(\d+)", text)[1]) for text in held)
            self.peak_mb = max(self.peak_mb, kib * 1024 / MB)


def pids_of(program: str, parent: int) -> list[int]:
    """Processes below ``parent`` whose command line has the program in it."""
    listed = subprocess.run(
        ["/bin/ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:]
    rows = [line.split(None, 2) for line in listed]
    family, wave = set(), {parent}
    while wave:
        wave = {int(pid) for pid, above, *_ in rows if int(above) in wave} - family
        family |= wave
    return [int(row[0]) for row in rows if int(row[0]) in family and program in row[2]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], within_s: float = 120) -> None:
    until = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > until:
            raise SystemExit("A server did not start.")
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5, allow_redirects=False)
    except requests.RequestException:
        return False
    return True


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **environment}
        )
        try:
            yield process
        finally:
            process.send_signal(2)
            process.wait(60)


class Measured(NamedTuple):
    seconds: float
    resident_mb: float
    shared_mb: float


def measure_orthanc(folder: Path, bodies: list[bytes], clients: int) -> Measured:
    port = free_port()
    configuration = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": port,
        "DicomPort": free_port(),
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True},
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with running([ORTHANC, str(folder / "orthanc.json")], folder) as process:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/system"))
        url = f"http://127.0.0.1:{port}/dicom-web"
        with SharedMemory([process.pid]) as shared:
            took = upload(url, bodies, clients=clients, token=None)
        return Measured(took, peak_mb([process.pid]), shared.peak_mb)


def measure_ours(folder: Path, bodies: list[bytes], clients: int) -> Measured:
    port = free_port()
    settings = {
        "MAMMOTRACK_VAR_DIR": str(folder),
        "HTTPS_ONLY": "false",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "mammotrack.settings",
        "ANALYSIS_SWEEP_SECONDS": "3600",  # uploads are measured, not the analyses after them
    }
    with running(
        [sys.executable, "manage.py", "serve", "--port", str(port)], folder, **settings
    ) as process:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/about/"))
        issued = subprocess.run(
            [sys.executable, "-m", "benchmarks.stow", "--prepare"],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        token = issued.stdout.split()[-1]
        url = f"http://127.0.0.1:{port}/dicomweb"
        upload(url, bodies[:1], clients=1, token=token)  # the decoder's libraries come from disk
        pids = pids_of("gunicorn", process.pid)
        with SharedMemory(pids) as shared:
            took = upload(url, bodies[1:], clients=clients, token=token)
        return Measured(took, peak_mb(pids), shared.peak_mb)


def prepare() -> None:
    """In the database that is being served: a clinic, its patient and a program's token."""
    import django  # noqa: PLC0415 -- only with the settings of the server

    django.setup()
    from mammotrack.accounts.models import Clinic, Membership, Role, User  # noqa: PLC0415
    from mammotrack.accounts.policy import Scope  # noqa: PLC0415
    from mammotrack.accounts.tokens import issue_token  # noqa: PLC0415
    from patients.services import register_patient  # noqa: PLC0415

    clinic = Clinic.objects.create(name="Benchmark")
    gateway = User.objects.create_user("gateway", role=Role.INTEGRATOR, full_name="Gateway")
    Membership.objects.create(user=gateway, clinic=clinic)
    register_patient(
        clinic_id=clinic.pk,
        medical_record_number="BENCH-1",
        family_name="Synthetic",
        given_name="Phantom",
        birth_date=date(1970, 2, 3),
        sex="F",
        registered_by=gateway,
    )
    _, text = issue_token(
        user=gateway, clinic=clinic, scopes=[Scope.SCANS_WRITE], label="benchmark", days=1
    )
    print(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.prepare:
        prepare()
        return
    lines = []
    for line in report(chosen.files, chosen.clients):
        print(line, flush=True)
        lines.append(line)
    write_section(DOCUMENT, "stow", "\n".join(lines))


def report(files: int, clients: int) -> Iterator[str]:
    """Lines of the table, as they are measured."""
    study = f"2.25.{uuid.uuid4().int}"
    bodies = [body_of(film(number, study)) for number in range(files + 1)]
    size = len(bodies[0]) / MB
    yield machine(os.cpu_count() or 1)
    yield f"{files} files of {size:.1f} MB, {clients} clients"
    for name, measure in (("Orthanc", measure_orthanc), ("MammoTrack", measure_ours)):
        if name == "Orthanc" and not (Path(ORTHANC).exists() and PLUGIN.exists()):
            yield "Orthanc with its DICOMweb plugin is not installed"
            continue
        sent = bodies if name == "MammoTrack" else bodies[1:]
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), sent, clients)
        rate = size * files / found.seconds
        yield (
            f"{name:10} {rate:7.1f} MB/s {found.seconds / files:6.2f} s a file  "
            f"peak RSS {found.resident_mb:5.0f} MB, PSS {found.shared_mb:5.0f} MB"
        )


if __name__ == "__main__":
    main()
