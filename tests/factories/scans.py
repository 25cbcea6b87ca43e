"""Exams and mammograms as rows; the files they name do not exist."""

import hashlib
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from mammotrack.accounts.models import Clinic, Role, User
from patients.models import Patient
from scans.arrivals import take_arrival
from scans.choices import FileFormat, Laterality, Mismatch, View
from scans.header import MammogramHeader
from scans.models import Exam, Mammogram, UnmatchedFile
from scans.services import Stored
from tests.dicom_files import mammogram, write_dicom
from tests.factories import create
from tests.factories.accounts import make_user
from tests.factories.patients import make_patient


def make_exam(patient: Patient | None = None, **fields: Any) -> Exam:
    patient = patient or make_patient()
    values = {
        "exam_date": date(2024, 6, 1),
        "accession_number": "ACC-1",
        "study_instance_uid": _uid(),
    } | fields
    return create(Exam, clinic_id=patient.clinic_id, patient=patient, **values)


def make_mammogram(
    patient: Patient | None = None,
    *,
    exam: Exam | None = None,
    exam_date: date = date(2024, 6, 1),
    stored_by: User | None = None,
    **fields: Any,
) -> Mammogram:
    """A left CC picture; it opens an exam of that date when none is given."""
    exam = exam or make_exam(patient, exam_date=exam_date)
    values = {
        "laterality": Laterality.LEFT,
        "view": View.CC,
        "sop_instance_uid": _uid(),
        "file_format": FileFormat.PNG,
        "sha256": _sha256(),
        "pixel_sha256": _sha256(),
        "size_bytes": 4096,
        "rows": 1024,
        "columns": 832,
        "bits_stored": 8,
        "pixel_spacing_mm": 0.1,
    } | fields
    return create(
        Mammogram,
        clinic_id=exam.clinic_id,
        patient_id=exam.patient_id,
        exam=exam,
        exam_date=exam.exam_date,
        stored_by=stored_by or make_user(Role.RADIOGRAPHER),
        **values,
    )


def make_pair(patient: Patient | None = None, **fields: Any) -> tuple[Mammogram, Mammogram]:
    """A prior and a current mammogram of one breast and view, half a year apart."""
    patient = patient or make_patient()
    prior = make_mammogram(patient, exam_date=date(2024, 1, 5), **fields)
    current = make_mammogram(patient, exam_date=date(2024, 7, 5), **fields)
    return prior, current


def make_unmatched_file(clinic: Clinic, **fields: Any) -> UnmatchedFile:
    """One that names somebody nobody knows."""
    header = MammogramHeader(
        file_format="DICOM", rows=96, columns=80, bits_stored=12, patient_id="NOBODY-1"
    )
    values = {
        "sha256": _sha256(),
        "size_bytes": 4096,
        "reason": Mismatch.UNKNOWN_PATIENT,
        "header": header.as_json(),
        "received_by": make_user(Role.INTEGRATOR),
    } | fields
    return create(UnmatchedFile, clinic=clinic, **values)


def take_in(clinic: Clinic, file: Path, **attributes: Any) -> UnmatchedFile | Stored:
    """A film written to ``file`` and sent by the clinic's gateway, through the file gate."""
    content = write_dicom(file, mammogram(**attributes)).read_bytes()
    return take_arrival([content], sent_by=make_user(Role.INTEGRATOR, clinics=[clinic]))


def _uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def _sha256() -> str:
    return hashlib.sha256(uuid.uuid4().bytes).hexdigest()
