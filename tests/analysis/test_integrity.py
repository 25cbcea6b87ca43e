"""Whatever is lost or spoilt in the store is named, and repaired where that loses nothing."""

import os
import time
import uuid
from datetime import date
from io import StringIO

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from analysis.integrity import check
from analysis.models import AnalysisJob
from mammotrack.accounts.models import Role, User
from mammotrack.audit.chain import collection
from patients.services import register_patient
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests.factories.accounts import make_clinic
from tests.phantoms import phantom
from tests.web import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

YESTERDAY_S = 25 * 3600


@pytest.fixture
def doctor():
    clinic = make_clinic()
    user = User.objects.create_user("eva", full_name="Eva", role=Role.DOCTOR)
    user.memberships.create(clinic=clinic)
    return user


@pytest.fixture
def mammogram(doctor, store, hints):
    """A stored picture with its record, its job and all their entries: nothing to complain of."""
    patient = register_patient(
        clinic_id=doctor.clinic_ids[0],
        medical_record_number="7",
        family_name="Okafor",
        given_name="Ada",
        birth_date=date(1970, 5, 17),
        sex="F",
        registered_by=doctor,
    )
    pixels = np.round(phantom(3).pixels * 255).astype(np.uint8)
    return store_mammogram(
        patient=patient,
        chunks=[cv2.imencode(".png", pixels)[1].tobytes()],
        statement=Statement(
            laterality="L",
            view="CC",
            exam_date=date(2024, 1, 5),
            confirmed_identifiers=("name", "birth_date"),
        ),
        stored_by=doctor,
    ).mammogram


def problems(**options):
    return [(problem.kind, problem.what) for problem in check(**options)]


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_a_sound_store_has_no_problems(mammogram):
    out = StringIO()
    call_command("fsck", stdout=out)

    assert problems() == []
    assert out.getvalue() == "0 problems, 0 repaired.\n"


def test_F21_a_flipped_byte_of_a_picture_is_not_shown_and_found(mammogram, doctor, store):
    path = store.derived_path(mammogram.sha256, "display.jpg")
    before = path.read_bytes()
    flip_a_byte(path)
    address = reverse("scans:display", args=[mammogram.pk])

    answer = signed_in(doctor).get(address)

    assert answer.status_code == 503
    assert "damaged" in answer.content.decode()
    assert problems() == [("picture_changed", f"display.jpg of mammogram {mammogram.pk}")]

    assert [problem.repaired for problem in check(repair=True)] == [True]
    assert b"".join(signed_in(doctor).get(address).streaming_content) == before
    assert problems() == []


def test_F21_a_flipped_byte_of_a_file_is_found_and_nothing_is_made_from_it(mammogram, store):
    flip_a_byte(store.path_of(mammogram.sha256))
    store.derived_path(mammogram.sha256, "pixels.png").unlink()

    found = [
        ("object_changed", f"mammogram {mammogram.pk}"),
        ("picture_missing", f"pixels.png of mammogram {mammogram.pk}"),
    ]
    assert problems() == found
    assert problems(repair=True) == found
    assert problems() == found


def test_a_lost_file_is_found(mammogram, store):
    store.path_of(mammogram.sha256).unlink()

    assert problems() == [("object_missing", f"mammogram {mammogram.pk}")]


def test_strays_are_moved_aside_after_a_day_and_never_deleted(mammogram, store):
    stray = store.commit(store.receive([b"nobody's"]))
    assert problems(repair=True) == []
    yesterday = time.time() - YESTERDAY_S
    os.utime(stray, (yesterday, yesterday))

    assert problems() == [("object_without_document", f"objects {stray.name}")]
    assert stray.exists()
    assert [problem.repaired for problem in check(repair=True)] == [True]

    assert not stray.exists()
    [kept] = (store.root / "lost+found").iterdir()
    assert (kept.name[:64], kept.read_bytes()) == (stray.name, b"nobody's")
    assert problems() == []


def test_a_job_without_its_mammogram_is_a_broken_reference(mammogram):
    job = AnalysisJob.objects.get()
    gone = uuid.uuid4()
    collection(AnalysisJob).update_one({}, {"$set": {"current_id": gone.hex}})

    assert problems() == [("broken_reference", f"current of analysisjob {job.pk}")]


def test_a_document_without_its_entry_is_named(mammogram):
    row = collection(Mammogram).find_one()
    others = {"sop_instance_uid": "2.25.1", "sha256": "0" * 64, "pixel_sha256": "0" * 64}
    copy = row | others | {"_id": uuid.uuid4().hex}
    collection(Mammogram).insert_one(copy)

    found = dict(problems())

    assert found["missing_audit_link"] == f"mammogram {copy['_id']} has no entry mammogram.stored"
    assert found["object_missing"] == f"mammogram {uuid.UUID(copy['_id'])}"


def test_the_command_ends_with_its_status(mammogram, store, mongo_server):
    store.path_of(mammogram.sha256).unlink()
    out = StringIO()

    with pytest.raises(SystemExit) as broken:
        call_command("fsck", "--repair", stdout=out)

    assert broken.value.code == 1
    assert out.getvalue() == (
        f"object_missing: mammogram {mammogram.pk}\n1 problems, 0 repaired.\n"
    )
    (store.root / "objects").rename(store.root / "elsewhere")
    (store.root / "objects").write_text("no folder")
    with pytest.raises(CommandError) as failed:
        call_command("fsck", stdout=out)
    assert failed.value.returncode == 2
