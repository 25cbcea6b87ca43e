"""What an export since the last one holds: everything that reads otherwise than it did then."""

import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

import pytest
from django.apps import apps

from analysis.services.decisions import sign_decision
from mammotrack.accounts.models import Role
from mammotrack.models import ChangingModel, now
from patients import services
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests import dicom_files
from tests.analysis.fhir.test_fhir import BASE, all_of
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_course, make_cycle, make_patient
from tests.factories.scans import make_exam, make_pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
LAST_EXPORT = LONG_AGO + timedelta(days=1)


@pytest.fixture
def record(clinic):
    """A patient under therapy, with a study and a proposal: all of it exported before."""
    patient = make_patient(clinic, birth_date=date(1970, 2, 3))
    make_cycle(make_course(patient))
    prior, current = make_pair(patient)
    recommendation = make_recommendation(prior=prior, current=current)
    for model in apps.get_models():
        if issubclass(model, ChangingModel):
            model.objects.update(created_at=LONG_AGO, changed_at=LONG_AGO)
    recommendation.refresh_from_db()
    return recommendation


def changed(program) -> dict[str, set[str]]:
    """The ids of each type in an export since ``LAST_EXPORT``."""
    started = program.get(f"{BASE}/$export?_since={quote(LAST_EXPORT.isoformat())}")
    found = {}
    for file in program.get(started.headers["Content-Location"]).json()["output"]:
        lines = program.get(file["url"]).content.splitlines()
        if lines:
            found[file["type"]] = {json.loads(line)["id"] for line in lines}
    return found


def test_I8_nothing_comes_twice_without_a_change(program, record):
    assert changed(program) == {}


def test_I8_a_signature_changes_the_report(program, record, doctor):
    sign_decision(record, choice=record.proposal, reason="", password=PASSWORD, signed_by=doctor)

    found = changed(program)

    assert found["DiagnosticReport"] == {str(record.pk)}
    assert set(found) == {"DiagnosticReport", "Provenance"}
    (report,) = all_of(program, "DiagnosticReport", f"_lastUpdated=gt{LAST_EXPORT:%Y-%m-%d}")
    assert report["status"] == "final"
    assert datetime.fromisoformat(report["meta"]["lastUpdated"]) > LAST_EXPORT


def test_I8_a_correction_changes_the_course_and_its_cycles(program, record, doctor):
    course = record.patient.therapycourse_set.get()

    services.amend_course(course, expected_version=1, recorded_by=doctor, regimen="TCb")

    assert {kind: len(ids) for kind, ids in changed(program).items()} == {
        "Procedure": 1,
        "MedicationAdministration": 1,
    }


def test_I8_a_corrected_name_changes_the_patient_and_an_entry_does_not(program, record, doctor):
    patient = record.patient
    services.record_pathology(
        patient, laterality="L", result="BENIGN", report_date=date(2024, 2, 1), recorded_by=doctor
    )
    assert changed(program) == {}

    services.update_patient(patient, expected_version=1, changed_by=doctor, given_name="Adaeze")

    assert changed(program) == {"Patient": {str(patient.pk)}}


def test_I8_a_picture_changes_the_study_it_joins(program, record, clinic, tmp_path):
    patient = record.patient
    study = make_exam(patient, exam_date=date(2024, 1, 31), created_at=LONG_AGO)
    study.__class__.objects.filter(pk=study.pk).update(changed_at=LONG_AGO)
    film = dicom_files.mammogram(StudyInstanceUID=study.study_instance_uid, PatientID="")
    content = dicom_files.write_dicom(tmp_path / "x.dcm", film).read_bytes()

    store_mammogram(
        patient=patient,
        chunks=[content],
        statement=Statement(confirmed_identifiers=("name", "birth_date")),
        stored_by=make_user(Role.RADIOGRAPHER, clinics=[clinic]),
    )

    assert Mammogram.objects.filter(exam=study).exists()
    assert changed(program) == {"ImagingStudy": {str(study.pk)}}


def test_I8_a_merge_changes_all_that_moves(program, record, clinic, doctor):
    other = make_patient(clinic)
    other.__class__.objects.filter(pk=other.pk).update(created_at=LONG_AGO, changed_at=LONG_AGO)
    everything = {
        kind: len(all_of(program, kind))
        for kind in ("ImagingStudy", "Observation", "DiagnosticReport", "Procedure")
    }

    services.merge_patients(
        merged=record.patient, survivor=other, reason="Same person.", merged_by=doctor
    )

    found = changed(program)
    assert {kind: len(found[kind]) for kind in everything} == everything


def test_I8_the_next_export_misses_nothing_that_is_being_saved(program, record):
    started = program.get(f"{BASE}/$export")

    status = program.get(started.headers["Content-Location"]).json()

    until = datetime.fromisoformat(status["transactionTime"])
    assert now() - timedelta(minutes=3) < until < now() - timedelta(minutes=1)
