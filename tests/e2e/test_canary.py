"""A person with an unmistakable name goes through the whole platform and comes out nowhere else."""

import http
import http.cookiejar
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from bson import encode
from django.conf import settings as configured

from analysis.choices import JobState
from analysis.models import AnalysisJob
from mammotrack import settings as production
from mammotrack.accounts.models import Role
from mammotrack.audit.chain import collection
from mammotrack.audit.models import AuditAnchor, AuditDetail, AuditEntry
from patients.models import Patient
from scans.models import Mammogram
from tests.dicom_files import mammogram, write_dicom
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.phantoms import SPACING_MM, phantom
from tests.platform import RunningPlatform, running_platform, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "a-long-enough-password"
CANARIES = ("Zzyzxova", "Qwyjibo", "MRNCANARY7", "1913-07-29", "19130729", "Vlkodlak")
ANALYSED_S = 180


@pytest.fixture
def platform(mongo_server: str, store) -> Iterator[RunningPlatform]:
    with running_platform(mongo_uri=mongo_server) as running:
        yield running


class Visitor:
    """Calls the platform from outside and keeps what error pages say."""

    def __init__(self, platform: RunningPlatform, token: str) -> None:
        self.base, self.token = platform.url, token
        self.errors: list[bytes] = []
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def call(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(f"{self.base}{path}", body, headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            content = refusal.read()
            if refusal.code == http.HTTPStatus.NOT_FOUND:  # a conflict shows both sides
                self.errors.append(content)
            return refusal.code, content

    def api(self, path: str, body: Any = None) -> tuple[int, bytes]:
        headers = self.headers() | {"Content-Type": "application/json"}
        return self.call(f"/api/v1{path}", json.dumps(body).encode() if body else None, **headers)

    def upload(self, patient_id: str, file: Path) -> tuple[int, bytes]:
        head = 'Content-Disposition: form-data; name="{}"'
        body = (
            f"--b\r\n{head.format('patient')}\r\n\r\n{patient_id}\r\n"
            f'--b\r\n{head.format("file")}; filename="{CANARIES[0]}.dcm"\r\n\r\n'
        ).encode()
        body += file.read_bytes() + b"\r\n--b--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        return self.call("/api/v1/mammograms/", body, **self.headers(), **kind)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(uuid4())}

    def form(self, path: str, page: str = "/sign-in/", **fields: str) -> tuple[int, bytes]:
        _, content = self.call(page)
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', content)
        assert token
        sent = {"csrfmiddlewaretoken": token[1].decode(), **fields}
        return self.call(path, urllib.parse.urlencode(sent).encode())


def picture(folder: Path, **tags: Any) -> Path:
    pixels = np.round(phantom(5).pixels * 4095).astype(np.uint16)
    tags = {
        "PatientID": "MRNCANARY7",
        "PatientName": "Zzyzxova^Qwyjibo",
        "PatientBirthDate": "19130729",
        "StudyDate": "20240105",
        "ImagerPixelSpacing": [SPACING_MM, SPACING_MM],
    } | tags
    return write_dicom(folder / "canary.dcm", mammogram(pixels, **tags))


def test_L01_A11_a_patient_is_named_nowhere_but_in_the_record(
    platform, store, settings, tmp_path, audit_dir
):
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS  # the platform knows no other
    clinic = make_clinic()
    doctor = make_user(Role.DOCTOR, clinics=[clinic], password=PASSWORD)
    visitor = Visitor(platform, make_token(doctor)[1])
    messages = Messages(platform.folder / "broker")
    identity = {
        "clinic": str(clinic.pk),
        "medical_record_number": "MRNCANARY7",
        "family_name": "Zzyzxova",
        "given_name": "Qwyjibo",
        "birth_date": "1913-07-29",
        "sex": "F",
    }

    with messages:
        assert visitor.api("/patients/", identity)[0] == 201
        patient_id = json.loads(visitor.api("/patients/search/", {"text": "Zzyzxova"})[1])[
            "results"
        ][0]["id"]
        assert visitor.api("/patients/", identity)[0] == 409
        assert visitor.upload(patient_id, picture(tmp_path))[0] == 201
        other = visitor.upload(patient_id, picture(tmp_path, PatientName="Vlkodlak", PatientID="X"))
        assert other[0] == 409
        wait_until(
            lambda: AnalysisJob.objects.filter(state=JobState.DONE).exists(), within_s=ANALYSED_S
        )
        browse(visitor, doctor.username, patient_id)
        wait_until(
            lambda: AuditEntry.objects.filter(detail__view="scans:display").exists(), within_s=60
        )

    assert Patient.objects.get().family_name == "Zzyzxova"
    assert Mammogram.objects.count() == 1
    places = {
        "error pages": visitor.errors,
        "broker messages": list(messages.seen.values()),
        "files": [path.read_bytes() for path in platform.folder.rglob("*") if is_text(path)],
        "file names": [
            str(path.relative_to(folder)).encode()
            for folder in (platform.folder, store.root, audit_dir, Path(configured.VAR_DIR))
            for path in folder.rglob("*")
        ],
        "audit folder": [path.read_bytes() for path in audit_dir.rglob("*") if path.is_file()],
        "audit trail": [
            encode(row)
            for model in (AuditEntry, AuditDetail, AuditAnchor)
            for row in collection(model).find()
        ],
    }
    hits = [
        (place, canary)
        for place, contents in places.items()
        for canary in CANARIES
        for content in contents
        if canary.lower().encode() in content.lower()
    ]
    assert hits == []
    assert messages.seen
    assert all(places.values())
    assert b"/patients/" in (platform.folder / "access.log").read_bytes()


def browse(visitor: Visitor, username: str, patient_id: str) -> None:
    """A doctor signs in, searches, opens what there is, and types addresses that do not exist."""
    home = visitor.form("/sign-in/", login=username, password=PASSWORD)
    assert home[0] == 200
    found = visitor.form("/patients/search/", "/patients/", text="Zzyzxova")
    assert b"Zzyzxova" in found[1]
    assert b"Zzyzxova" in visitor.call(f"/patients/{patient_id}/")[1]
    mammogram_id = Mammogram.objects.get().pk
    assert visitor.call(f"/mammograms/{mammogram_id}/display/")[0] == 200
    assert visitor.call(f"/analyses/{AnalysisJob.objects.get().pk}/")[0] == 200
    assert visitor.call(f"/patients/{mammogram_id}/")[0] == 404


def is_text(path: Path) -> bool:
    return path.is_file() and "static" not in path.parts


class Messages:
    """Everything that lay in the broker's folder at some moment."""

    def __init__(self, folder: Path) -> None:
        self.seen: dict[str, bytes] = {}
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            for path in self._folder.rglob("*.msg"):
                try:
                    self.seen[path.name] = path.read_bytes()
                except FileNotFoundError:
                    continue
