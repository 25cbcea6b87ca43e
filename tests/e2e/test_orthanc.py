"""From a PACS to the record: a real Orthanc hands series on to the running application."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import requests
from django.conf import settings

from mammotrack.accounts.models import Role
from scans.models import Mammogram, UnmatchedFile
from tests.dicom_files import breast, mammogram, write_dicom
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.factories.patients import make_patient
from tests.platform import running_platform, wait_until

ORTHANC = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
INTEGRATION = Path(settings.BASE_DIR) / "docs" / "integration"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not (Path(ORTHANC).exists() and PLUGIN.exists()),
        reason="Orthanc with its DICOMweb plugin is not installed",
    ),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def orthanc(folder: Path, *, url: str, token: str) -> Iterator[str]:
    """The documented configuration, with this test's address, token and folders."""
    configuration = json.loads((INTEGRATION / "orthanc.json").read_text())
    port = free_port()
    configuration |= {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "StableAge": 1,
        "HttpPort": port,
        "DicomPort": free_port(),
        "AuthenticationEnabled": False,
        "LuaScripts": [str(INTEGRATION / "orthanc.lua")],
    }
    server = configuration["DicomWeb"]["Servers"]["mammotrack"]
    server["Url"] = f"{url}/dicomweb/"
    server["HttpHeaders"] = {"Authorization": f"Bearer {token}"}
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([ORTHANC, folder / "orthanc.json"], stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: answers(address), within_s=30)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/system", timeout=5).ok
    except requests.ConnectionError:
        return False


def jobs(address: str) -> list[str]:
    found = requests.get(f"{address}/jobs?expand", timeout=10).json()
    return sorted(job["State"] for job in found if job["Type"] == "DicomWebStowClient")


def test_I7_a_stable_series_is_stored_once_and_an_unknown_patient_waits(
    store, tmp_path, mongo_server
):
    clinic = make_clinic()
    make_patient(
        clinic,
        medical_record_number="MRN-1",
        family_name="Synthetic",
        given_name="Phantom",
        birth_date=date(1970, 2, 3),
    )
    token = make_token(make_user(Role.INTEGRATOR, clinics=[clinic]))[1]
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with (
        running_platform(mongo_uri=mongo_server) as platform,
        orthanc(folder, url=platform.url, token=token) as pacs,
    ):
        for number, view in enumerate(("CC", "MLO")):
            ds = mammogram(breast(seed=number), SOPInstanceUID=f"2.25.{number}", ViewPosition=view)
            content = write_dicom(tmp_path / f"{view}.dcm", ds).read_bytes()
            requests.post(f"{pacs}/instances", data=content, timeout=10).raise_for_status()

        wait_until(lambda: jobs(pacs) == ["Success"], within_s=60)
        stored = list(Mammogram.objects.order_by("pk").values())
        (series,) = requests.get(f"{pacs}/series", timeout=10).json()
        again = {"Resources": [series], "Synchronous": True}
        repeated = requests.post(
            f"{pacs}/dicom-web/servers/mammotrack/stow", json=again, timeout=60
        )
        before = len(jobs(pacs))
        ds = mammogram(
            breast(seed=9),
            SOPInstanceUID="2.25.9",
            SeriesInstanceUID="2.25.90",
            StudyInstanceUID="2.25.91",
            PatientID="NOBODY-1",
        )
        content = write_dicom(tmp_path / "unknown.dcm", ds).read_bytes()
        requests.post(f"{pacs}/instances", data=content, timeout=10).raise_for_status()
        wait_until(UnmatchedFile.objects.exists, within_s=60)
        wait_until(lambda: len(jobs(pacs)) > before and set(jobs(pacs)) == {"Success"}, within_s=60)

    assert sorted(row["sop_instance_uid"] for row in stored) == ["2.25.0", "2.25.1"]
    assert repeated.status_code == 200
    assert list(Mammogram.objects.order_by("pk").values()) == stored
    assert UnmatchedFile.objects.get().says.patient_id == "NOBODY-1"
    assert clinic.patients.count() == 1
