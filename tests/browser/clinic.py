"""A clinic with one read pair of mammograms: made once through the real services, then put back.

Decoding and reading a pair takes seconds, and every test empties the database. What the first
test made (rows, files, the trail's keys) is kept and put back for the next.
"""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from django.conf import settings
from django.db import connection

from analysis.models import AnalysisJob
from analysis.services.run import run_job
from mammotrack.accounts.models import Role, User
from mammotrack.audit import spool
from patients.choices import Laterality
from patients.models import Patient
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.mongo import KEPT_COLLECTIONS
from tests.phantoms import SPACING_MM, Lesion, phantom

CLINIC_NAME = "Havel Breast Centre"
PRIOR_DATE, CURRENT_DATE = date(2024, 1, 5), date(2024, 7, 5)
PEOPLE = {
    "doctor": (Role.DOCTOR, "Dr. Vera Lund"),
    "oncologist": (Role.DOCTOR, "Dr. Ines Mora"),
    "radiographer": (Role.RADIOGRAPHER, "Tom Reyes"),
    "receptionist": (Role.RECEPTIONIST, "Ana Kral"),
    "admin": (Role.ADMIN, "Piet Baum"),
}


@dataclass
class ReadClinic:
    """The people by name of their part, and the job of the pair's current picture."""

    people: dict[str, User]
    patient: Patient
    job: AnalysisJob

    @property
    def detail(self) -> str:
        return f"/analyses/{self.job.pk}/"


@dataclass
class Kept:
    """What a database, the object store and the trail's folder held."""

    rows: dict[str, list[dict[str, Any]]]
    store: Path
    audit: Path

    @classmethod
    def of_now(cls, folder: Path) -> "Kept":
        spool.drain()
        database = connection.database
        rows = {
            name: list(database[name].find())
            for name in database.list_collection_names(filter={"type": "collection"})
            if name not in KEPT_COLLECTIONS and not name.startswith("system.")
        }
        store = shutil.copytree(settings.MEDIA_ROOT, folder / "store")
        audit = shutil.copytree(settings.AUDIT_DIR, folder / "audit")
        return cls({name: found for name, found in rows.items() if found}, store, audit)

    def put_back(self) -> None:
        for name, found in self.rows.items():
            connection.database[name].insert_many(found)
        shutil.copytree(self.store, settings.MEDIA_ROOT, dirs_exist_ok=True)
        shutil.copytree(self.audit, settings.AUDIT_DIR, dirs_exist_ok=True)


def make_read_clinic() -> None:
    """A woman under chemotherapy with a lesion of the left breast that shrank."""
    clinic = make_clinic(CLINIC_NAME)
    people = {
        name: make_user(role, clinics=[clinic], username=name, full_name=full_name)
        for name, (role, full_name) in PEOPLE.items()
    }
    patient = make_patient(clinic, medical_record_number="MT-1", given_name="Ada")
    course = make_course(patient, start_date=date(2024, 1, 10))
    for number in range(1, 5):
        make_cycle(course, number=number, given_date=date(2024, number, 10))
    make_pathology(patient, laterality=Laterality.LEFT)
    upload_film(patient, PRIOR_DATE, people["radiographer"], lesion=Lesion(diameter_mm=26))
    upload_film(
        patient,
        CURRENT_DATE,
        people["radiographer"],
        lesion=Lesion(diameter_mm=14),
        shift_mm=(3.0, 2.0),
    )
    for job in AnalysisJob.objects.order_by("created_at"):
        run_job(job.pk)


def upload_film(
    patient: Patient, day: date, by: User, *, seed: int = 1, view: str = "CC", **options: Any
) -> Mammogram:
    """A phantom film of the left breast, through the gate every file takes."""
    pixels = np.round(phantom(seed, view=view, **options).pixels * 255).astype(np.uint8)
    return store_mammogram(
        patient=patient,
        chunks=[cv2.imencode(".png", pixels)[1].tobytes()],
        statement=Statement(
            laterality="L",
            view=view,
            exam_date=day,
            pixel_spacing_mm=SPACING_MM,
            confirmed_identifiers=("name", "birth_date"),
        ),
        stored_by=by,
    ).mammogram


def found_clinic() -> ReadClinic:
    """What ``make_read_clinic`` made."""
    return ReadClinic(
        people={name: User.objects.get(username=name) for name in PEOPLE},
        patient=Patient.objects.select_related("clinic").get(medical_record_number="MT-1"),
        job=AnalysisJob.objects.get(current__exam_date=CURRENT_DATE),
    )
