"""The documented client, as an integrator would run it, against the running application."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings

from analysis.models import AnalysisJob, Recommendation
from mammotrack.accounts.models import Role
from patients.models import Patient
from scans.models import Mammogram
from tests.e2e.test_main_job import dicom_pair
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.platform import running_platform

CLIENT = Path(settings.BASE_DIR) / "docs" / "integration" / "client.py"
NEEDED = [
    "patients:read",
    "patients:write",
    "scans:read",
    "scans:write",
    "analyses:run",
    "recommendations:read",
]
PHONES = ("+49 30 1234567", "+49 30 1234568")
PERSON = {
    "medical_record_number": "MT-1",
    "family_name": "Phantom",
    "given_name": "Second",
    "birth_date": "1970-05-17",
    "sex": "F",
}

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_the_documented_client_registers_uploads_waits_and_reads(store, tmp_path, mongo_server):
    clinic = make_clinic()
    _, key = make_token(make_user(Role.INTEGRATOR, clinics=[clinic]), scopes=NEEDED)
    films = dicom_pair(tmp_path, None, None)
    (tmp_path / "patient.json").write_text(json.dumps(PERSON))

    with running_platform(mongo_uri=mongo_server) as platform:
        said = [run(platform.url, key, tmp_path, films, phone) for phone in PHONES]

    patient = Patient.objects.get()
    assert (patient.clinic, patient.birth_date) == (clinic, date(1970, 5, 17))
    assert (patient.phone, patient.version) == (PHONES[1], 3)
    assert Mammogram.objects.count() == 2
    assert AnalysisJob.objects.filter(prior__isnull=False).count() == 1
    found = Recommendation.objects.get(prior__isnull=False)
    for printed, version in zip(said, (2, 3), strict=True):
        assert printed[-2:] == ["2 mammograms", f"version {version}"]
        assert f"proposal {found.proposal} by rule {found.deciding_rule}" in printed
        assert any(line.startswith(f"verdict {found.comparison.verdict} by ") for line in printed)
        assert any(line.startswith("2024-01-05 ") for line in printed)


def run(url: str, key: str, folder: Path, films: list[Path], phone: str) -> list[str]:
    """The lines it prints."""
    command = [sys.executable, str(CLIENT), url, str(folder / "patient.json"), *map(str, films)]
    done = subprocess.run(
        [*command, "--phone", phone],
        env={**os.environ, "MAMMOTRACK_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
