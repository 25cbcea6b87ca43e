"""After an erasure nobody can read who it was, and the trail still proves what happened."""

from datetime import date
from io import StringIO

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from analysis.integrity import check
from analysis.models import Decision
from analysis.services.erasure import (
    ErasureReason,
    LegalHold,
    erase_patient,
    hold_patient,
)
from mammotrack.accounts.models import Role
from mammotrack.audit import keys
from mammotrack.audit.models import Action, AuditDetail
from mammotrack.audit.selectors import private_values
from mammotrack.audit.verify import verify
from mammotrack.errors import Forbidden, NotFound
from patients.services import register_patient, update_patient
from scans.models import Exam, Mammogram
from scans.services import Statement, store_mammogram
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_decision, make_recommendation
from tests.phantoms import phantom

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = ("Quisling", "Zelda", "MRN-4711", "1961-02-03", "lump", "ACC-9")


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def administrator(clinic):
    return make_user(Role.ADMIN, clinics=[clinic], username="root")


@pytest.fixture
def patient(clinic, store, hints):
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    patient = register_patient(
        clinic_id=clinic.pk,
        medical_record_number="MRN-4711",
        family_name="Quisling",
        given_name="Zoe",
        birth_date=date(1961, 2, 3),
        sex="F",
        registered_by=doctor,
    )
    update_patient(patient, expected_version=1, changed_by=doctor, given_name="Zelda")
    pixels = np.round(phantom(3).pixels * 255).astype(np.uint8)
    mammogram = store_mammogram(
        patient=patient,
        chunks=[cv2.imencode(".png", pixels)[1].tobytes()],
        statement=Statement(
            laterality="L", view="CC", exam_date=date(2024, 1, 5), accession_number="ACC-9"
        ),
        stored_by=doctor,
    ).mammogram
    make_decision(
        make_recommendation(current=mammogram), choice="refer", reason="Quisling has a lump."
    )
    patient.refresh_from_db()
    return patient


def test_L05_erasure_leaves_nothing_to_read_and_a_valid_chain(patient, administrator, store):
    [entry] = entries(Action.PATIENT_UPDATED)
    assert private_values(entry) == {"given_name": ["Zoe", "Zelda"]}
    kept_before = AuditDetail.objects.get().sealed  # as an old backup has it
    sha256 = Mammogram.objects.get().sha256

    erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)

    patient.refresh_from_db()
    stored = [patient, *Exam.objects.all(), *Mammogram.objects.all(), *Decision.objects.all()]
    text = " ".join(str(vars(row)) for row in stored)
    assert [secret for secret in SECRETS if secret in text] == []
    with pytest.raises(keys.PatientErased):
        private_values(entry)
    assert AuditDetail.objects.get().sealed == kept_before
    with pytest.raises(keys.PatientErased):
        keys.encrypt(b"", patient_id=patient.pk, entry_id=entry.pk.hex)
    assert not store.path_of(sha256).exists()
    assert not store.derived_path(sha256, "display.jpg").parent.exists()
    [erased] = entries(Action.PATIENT_ERASED)
    assert (erased.actor_id, erased.detail) == (administrator.pk, {"reason": "patient_request"})
    broken = verify(chain=str(patient.clinic_id)).findings
    assert {finding.what.split()[0] for finding in broken} == {"decision", "analysisjob"}  # made by
    assert {finding.kind for finding in broken} == {"backlink"}  # factories, without an entry
    assert {problem.kind for problem in check()} == {"missing_audit_link"}


def test_L06_a_legal_hold_forbids_it(patient, administrator):
    hold_patient(patient, hold=True, held_by=administrator)

    with pytest.raises(LegalHold):
        erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)
    patient.refresh_from_db()
    assert patient.family_name == "Quisling"

    hold_patient(patient, hold=False, held_by=administrator)
    erase_patient(patient, reason=ErasureReason.RETENTION_EXPIRED, erased_by=administrator)
    assert [entry.action for entry in entries()][-3:] == [
        Action.PATIENT_HELD,
        Action.PATIENT_RELEASED,
        Action.PATIENT_ERASED,
    ]


def test_only_an_administrator_of_the_clinic_may(patient, clinic):
    reason = ErasureReason.PATIENT_REQUEST
    with pytest.raises(Forbidden):
        erase_patient(patient, reason=reason, erased_by=make_user(Role.DOCTOR, clinics=[clinic]))
    with pytest.raises(NotFound):
        erase_patient(patient, reason=reason, erased_by=make_user(Role.ADMIN))
    patient.refresh_from_db()
    assert patient.erased_at is None


def test_the_command_needs_a_reason_and_says_what_stops_it(patient, administrator):
    def run(*options):
        out = StringIO()
        call_command("erase_patient", str(patient.pk), "--by", "root", *options, stdout=out)
        return out.getvalue()

    assert run("--hold") == "Done.\n"
    with pytest.raises(CommandError, match="legal hold"):
        run("--reason", "patient_request")
    with pytest.raises(CommandError, match="required"):
        run()
    run("--release")
    run("--reason", "patient_request")
    patient.refresh_from_db()
    assert patient.family_name == "erased"
