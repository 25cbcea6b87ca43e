"""Taking files in: through the real decoder, into a real store, onto a real database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection
from pydicom.dataset import Dataset

from mammotrack.accounts.models import Role, User
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.audit.selectors import private_values
from mammotrack.errors import Forbidden, MammoTrackError
from patients.errors import RecordArchived
from patients.models import Patient
from patients.services import archive_patient
from scans.models import Exam, Mammogram
from scans.services import Statement, store_mammogram
from scans.services.refusals import DuplicatePixels, PixelsOfAnotherPatient
from scans.signals import mammogram_stored
from tests import dicom_files
from tests.factories.accounts import make_user
from tests.factories.patients import make_patient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

COMPARED = ("name", "birth_date")
IDENTIFIED = Statement(confirmed_identifiers=COMPARED)
LEFT_CC = Statement(
    laterality="L", view="CC", exam_date=date(2024, 1, 31), confirmed_identifiers=COMPARED
)


@pytest.fixture
def patient() -> Patient:
    """The person the synthetic DICOM files name."""
    return make_patient(medical_record_number="MRN-1", birth_date=date(1970, 2, 3), sex="F")


@pytest.fixture
def radiographer(patient: Patient) -> User:
    return make_user(Role.RADIOGRAPHER, clinics=[patient.clinic])


@pytest.fixture
def announced() -> Iterator[list[Mammogram]]:
    """What was announced. Analyses have their own tests."""
    seen: list[Mammogram] = []

    def note(mammogram: Mammogram, **_: object) -> None:
        seen.append(mammogram)

    receivers, mammogram_stored.receivers = mammogram_stored.receivers, []
    mammogram_stored.connect(note)
    yield seen
    mammogram_stored.receivers = receivers
    mammogram_stored.sender_receivers_cache.clear()


def dicom(tmp_path: Path, ds: Dataset | None = None) -> bytes:
    return dicom_files.write_dicom(tmp_path / "x.dcm", ds or dicom_files.mammogram()).read_bytes()


def files_in(store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_dicom_tells_everything_itself(patient, radiographer, announced, store, tmp_path):
    content = dicom(tmp_path)

    stored = store_mammogram(
        patient=patient, chunks=[content], statement=Statement(), stored_by=radiographer
    )

    mammogram = Mammogram.objects.select_related("exam").get()
    assert stored.created
    assert announced == [mammogram]
    assert (str(mammogram.position), mammogram.exam_date, mammogram.exam.study_instance_uid) == (
        "LCC",
        date(2024, 1, 31),
        dicom_files.STUDY_INSTANCE_UID,
    )
    assert store.path_of(mammogram.sha256).read_bytes() == content
    assert store.derived_path(mammogram.sha256, "pixels.png").exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.object_id) == (
        Action.MAMMOGRAM_STORED,
        radiographer.pk,
        mammogram.pk,
    )


def test_the_same_file_again_is_the_same_mammogram(patient, radiographer, announced, tmp_path):
    content = dicom(tmp_path)
    stores = [
        store_mammogram(
            patient=patient, chunks=[content], statement=Statement(), stored_by=radiographer
        )
        for _ in range(2)
    ]

    assert [stored.created for stored in stores] == [True, False]
    assert stores[0].mammogram == stores[1].mammogram == Mammogram.objects.get()
    assert len(announced) == 1


def test_five_uploads_of_one_file_at_once_make_one_mammogram(
    patient, radiographer, announced, tmp_path
):
    content = dicom(tmp_path)

    def upload(_: int) -> bool:
        try:
            return store_mammogram(
                patient=patient, chunks=[content], statement=Statement(), stored_by=radiographer
            ).created
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        created = list(pool.map(upload, range(5)))

    assert created.count(True) == 1
    assert Mammogram.objects.get() == announced[0]
    assert Exam.objects.count() == 1
    assert AuditEntry.objects.count() == 1


def test_png_takes_what_the_form_says(patient, radiographer, announced):
    content = dicom_files.png(dicom_files.breast(bits=8))

    store_mammogram(patient=patient, chunks=[content], statement=LEFT_CC, stored_by=radiographer)

    mammogram = Mammogram.objects.get()
    assert (str(mammogram.position), mammogram.exam_date) == ("LCC", date(2024, 1, 31))
    assert mammogram.sop_instance_uid.startswith("2.25.")


@pytest.mark.parametrize(
    ("statement", "attributes", "code"),
    [
        (Statement(laterality="R"), {}, "header_conflict"),
        (Statement(view="MLO"), {"ViewPosition": "ML"}, "header_conflict"),
        (Statement(exam_date=date(2023, 1, 1)), {}, "header_conflict"),
        (Statement(), {"ImageLaterality": None}, "missing_position"),
        (Statement(), {"ViewPosition": None}, "missing_position"),
        (Statement(), {"PatientID": "MRN-2"}, "patient_mismatch"),
        (Statement(), {"PatientBirthDate": "19800101"}, "patient_mismatch"),
        (Statement(), {"PatientSex": "M"}, "patient_mismatch"),
        (IDENTIFIED, {"StudyDate": "19600101", "PatientBirthDate": None}, "birth_after_exam"),
        (Statement(), {"Modality": "CT"}, "not_a_mammogram"),
    ],
)
def test_a_refused_file_leaves_nothing(
    patient, radiographer, announced, store, tmp_path, statement, attributes, code
):
    content = dicom(tmp_path, dicom_files.mammogram(**attributes))

    with pytest.raises(MammoTrackError) as refusal:
        store_mammogram(
            patient=patient, chunks=[content], statement=statement, stored_by=radiographer
        )

    assert refusal.value.problem_code == code
    assert not Mammogram.objects.exists()
    assert not Exam.objects.exists()
    assert not AuditEntry.objects.exists()
    assert files_in(store) == []
    assert announced == []


def test_a_file_that_is_refused_at_the_last_moment_leaves_nothing(
    patient, radiographer, announced, store, tmp_path
):
    doctor = make_user(Role.DOCTOR, clinics=[patient.clinic])

    def archived_while_it_is_sent():
        archive_patient(patient, reason="Moved away.", archived_by=doctor)
        yield dicom(tmp_path)

    with pytest.raises(RecordArchived):
        store_mammogram(
            patient=patient,
            chunks=archived_while_it_is_sent(),
            statement=Statement(),
            stored_by=radiographer,
        )

    assert not Mammogram.objects.exists()
    assert {path.parent.name for path in files_in(store)} == {"locks"}


def test_a_file_of_somebody_else_needs_a_reason_that_is_kept(
    patient, radiographer, announced, tmp_path
):
    content = dicom(tmp_path, dicom_files.mammogram(PatientID="OLD-7"))

    store_mammogram(
        patient=patient,
        chunks=[content],
        statement=Statement(
            identity_reason="Number of the referring hospital.", confirmed_identifiers=COMPARED
        ),
        stored_by=radiographer,
    )

    entry = AuditEntry.objects.get()
    assert private_values(entry) == {"identity_reason": "Number of the referring hospital."}
    assert "referring" not in str(entry.detail)


def test_pixels_of_another_patient_are_refused(patient, radiographer, announced, tmp_path):
    pixels = dicom_files.breast(bits=12)
    store_mammogram(
        patient=patient,
        chunks=[dicom(tmp_path, dicom_files.mammogram(pixels))],
        statement=Statement(),
        stored_by=radiographer,
    )
    other = make_patient(patient.clinic, medical_record_number="MRN-2", sex="F")
    same_pixels = dicom_files.mammogram(
        pixels,
        SOPInstanceUID="2.25.77",
        StudyInstanceUID="2.25.78",
        PatientID="MRN-2",
        PatientBirthDate=None,
    )

    with pytest.raises(PixelsOfAnotherPatient):
        store_mammogram(
            patient=other,
            chunks=[dicom(tmp_path, same_pixels)],
            statement=IDENTIFIED,
            stored_by=radiographer,
        )

    assert Mammogram.objects.count() == 1


def test_S9_of_one_picture_for_two_patients_at_once_one_is_refused(
    patient, radiographer, announced, tmp_path
):
    pixels = dicom_files.breast(bits=12)
    other = make_patient(patient.clinic, birth_date=date(1970, 2, 3), sex="F")
    barrier = Barrier(4)

    def upload(number: int) -> str:
        whose = (patient, other)[number % 2]
        content = dicom_files.png(pixels, compress_level=1 + number)  # another file, one picture
        barrier.wait()
        try:
            store_mammogram(
                patient=whose, chunks=[content], statement=LEFT_CC, stored_by=radiographer
            )
        except (PixelsOfAnotherPatient, DuplicatePixels) as error:
            return error.problem_code
        finally:
            connection.close()
        return "stored"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(upload, range(4)))

    owner = Mammogram.objects.get().patient_id
    twins = "pixels_of_another_patient", "duplicate_pixels"
    assert sorted(outcomes) == sorted(["stored", twins[1], twins[0], twins[0]])
    assert owner in {patient.pk, other.pk}
    assert AuditEntry.objects.filter(action=Action.IDENTITY_ALERT).count() == 2


def test_only_some_roles_upload(patient, announced, store, tmp_path):
    with pytest.raises(Forbidden):
        store_mammogram(
            patient=patient,
            chunks=[dicom(tmp_path)],
            statement=Statement(),
            stored_by=make_user(Role.RECEPTIONIST, clinics=[patient.clinic]),
        )

    assert files_in(store) == []
