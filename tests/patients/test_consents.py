"""Consent by purpose: recorded once and for all to see, withdrawable, and enforced."""

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from analysis.choices import JobState
from analysis.models import AnalysisJob, Prediction
from analysis.services.run import run_job
from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from patients import services
from patients.consents import consent_state, patients_with_research_consent
from patients.models import Consent
from scans.services import Statement, store_mammogram
from tests import dicom_files
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_job, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.web import assert_strict, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]


@pytest.fixture
def patient():
    return make_patient(birth_date=date(1970, 2, 3))


@pytest.fixture
def doctor(patient):
    return make_user(Role.DOCTOR, clinics=[patient.clinic])


def say(patient, doctor, purpose: str, *, given: bool, on: date | None = None) -> Consent:
    return services.record_consent(
        patient,
        purpose=purpose,
        given=given,
        decided_on=on or timezone.localdate(),
        document_version="2024-1",
        recorded_by=doctor,
    )


def upload(patient, doctor, exam_date: date = date(2024, 1, 31)):
    statement = Statement(
        laterality="L",
        view="CC",
        exam_date=exam_date,
        confirmed_identifiers=("name", "birth_date"),
    )
    content = dicom_files.png(dicom_files.breast(bits=8))
    return store_mammogram(
        patient=patient, chunks=[content], statement=statement, stored_by=doctor
    ).mammogram


def test_S13_nobody_asked_is_care_but_not_research(patient, settings):
    allowed = {p: consent_state(patient.pk, p).allowed for p in ("PROCEDURE", "AI", "RESEARCH")}
    assert allowed == {"PROCEDURE": True, "AI": True, "RESEARCH": False}

    settings.AI_NEEDS_CONSENT = True
    assert consent_state(patient.pk, "AI").allowed is False


def test_S13_withdrawn_ai_consent_stops_analyses_and_keeps_old_results(patient, doctor):
    prior, current = make_pair(patient)
    old = make_recommendation(prior=prior, current=current)
    program = Program(doctor)
    say(patient, doctor, "AI", given=False)

    asked = program.post("/analyses/", {"current": str(current.pk), "prior": str(prior.pk)})
    retried = signed_in(doctor).post(reverse("analysis:retry", args=[old.job_id]))

    document = assert_problem(asked, 403, "consent_withdrawn")
    assert document["context"] == {"purpose": "AI"}
    assert retried.status_code == 403
    assert AnalysisJob.objects.count() == 1
    assert program.get(f"/recommendations/{old.pk}/").status_code == 200
    assert signed_in(doctor).get(reverse("analysis:detail", args=[old.job_id])).status_code == 200


def test_S13_an_upload_is_stored_and_not_analysed_and_says_so(patient, doctor, hints):
    say(patient, doctor, "AI", given=False)

    mammogram = upload(patient, doctor)

    assert not AnalysisJob.objects.exists()
    assert hints == []
    browser = signed_in(doctor)
    row = browser.get(reverse("analysis:of-mammogram", args=[mammogram.pk])).content.decode()
    assert "does not allow analysis by computer" in row
    page = browser.get(reverse("patients:detail", args=[patient.pk])).content.decode()
    assert "No analysis by computer" in page
    assert "not analysed: the patient does not allow it" in page


def test_S13_consent_given_again_queues_what_was_left_out(patient, doctor, hints):
    say(patient, doctor, "AI", given=False)
    mammogram = upload(patient, doctor)

    say(patient, doctor, "AI", given=True)

    job = AnalysisJob.objects.get()
    assert (job.current_id, job.state) == (mammogram.pk, JobState.QUEUED)
    assert hints == [str(job.pk)]


def test_S13_a_queued_job_stores_nothing_after_the_withdrawal(patient, doctor):
    job = make_job(make_mammogram(patient))
    say(patient, doctor, "AI", given=False)

    run_job(job.pk)

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "consent_withdrawn")
    assert not Prediction.objects.exists()


def test_S13_research_consent_is_needed_and_withdrawable(patient, doctor):
    clinics = [patient.clinic_id]
    make_patient(patient.clinic)
    elsewhere = make_patient(make_clinic())
    say(elsewhere, make_user(Role.DOCTOR, clinics=[elsewhere.clinic]), "RESEARCH", given=True)
    assert patients_with_research_consent(clinics) == set()

    say(patient, doctor, "RESEARCH", given=True)
    assert patients_with_research_consent(clinics) == {patient.pk}
    say(patient, doctor, "RESEARCH", given=False)
    assert patients_with_research_consent(clinics) == set()
    assert Consent.objects.filter(patient=patient).count() == 2


def test_S13_no_picture_taken_after_consent_to_mammography_was_withdrawn(patient, doctor):
    say(patient, doctor, "PROCEDURE", given=False, on=date(2024, 3, 1))

    upload(patient, doctor, date(2024, 2, 29))
    answer = Program(doctor).post(
        "/mammograms/",
        {
            "patient": str(patient.pk),
            "laterality": "L",
            "view": "MLO",
            "exam_date": "2024-03-01",
            "confirmed_identifiers": ["name", "birth_date"],
            "file": SimpleUploadedFile("x.png", dicom_files.png(dicom_files.breast(bits=8)[::-1])),
        },
        format="multipart",
    )

    assert_problem(answer, 403, "consent_withdrawn")


def test_S13_answers_are_recorded_over_api_and_page(patient, doctor):
    clerk = make_user(Role.RECEPTIONIST, clinics=[patient.clinic])
    path = f"/patients/{patient.pk}/consents/"
    said = {"purpose": "AI", "given": False, "decided_on": "2024-05-02", "document_version": "v3"}

    made = Program(clerk).post(path, said)
    late = Program(clerk).post(
        path, said | {"decided_on": str(timezone.localdate() + timedelta(days=1))}
    )
    here = reverse("patients:consent", args=[patient.pk])
    page = signed_in(clerk).post(
        here, {"purpose": "RESEARCH", "given": "yes", "decided_on": "2024-05-02"}
    )

    assert made.status_code == 201
    assert made.json()["recorded_by"] == clerk.full_name
    assert_problem(late, 422, "invalid_dates")
    assert page.status_code == 302
    answers = Program(doctor).get(path).json()["results"]
    assert [(a["purpose"], a["given"]) for a in answers] == [("RESEARCH", True), ("AI", False)]
    assert_strict(signed_in(clerk).get(here))
    assert {entry.action for entry in AuditEntry.objects.filter(actor=clerk)} == {
        "consent.recorded"
    }


def test_S13_consent_of_another_clinics_patient_does_not_exist(patient):
    stranger = make_user(Role.DOCTOR, clinics=[make_clinic()])

    assert_problem(Program(stranger).get(f"/patients/{patient.pk}/consents/"), 404, "not_found")
    page = signed_in(stranger).get(reverse("patients:consent", args=[patient.pk]))
    assert page.status_code == 404
