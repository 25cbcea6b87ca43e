"""After an erasure nobody can read who it was, and the trail still proves what happened."""

from datetime import date
from io import StringIO

import cv2
import numpy as np
import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import BinaryField, CharField, DateField, DateTimeField, JSONField, TextField

from analysis.integrity import check
from analysis.services.erasure import ErasureReason, FileWaits, erase_patient
from mammotrack.accounts.models import Role
from mammotrack.audit import keys
from mammotrack.audit.models import Action, AuditDetail
from mammotrack.audit.selectors import private_values
from mammotrack.audit.trace import TracedModel
from mammotrack.audit.verify import verify
from mammotrack.errors import Forbidden, NotFound
from patients import services
from patients.models import Patient
from patients.services.keeping import RecordKept
from scans.arrivals import discard_file
from scans.choices import DiscardReason
from scans.header import MammogramHeader
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_arbitration, make_decision, make_recommendation
from tests.factories.patients import make_course, make_emergency, make_patient
from tests.factories.scans import make_unmatched_file
from tests.phantoms import phantom

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = (
    "Quisling",
    "AC-T for",
    "EC of",
    "Zelda",
    "MRN-4711",
    "MRN4711",
    "datetime(1961, 2, 3",
    "datetime(2024, 11, 5",
    "0123 4567",
    "1234567",
    "lump",
    "ACC-9",
    "Aunt",
    "Sister",
    "Moved away",
)

# What a field may hold that an erasure leaves: codes, versions, hashes, ids and days of treatment.
NOT_PERSONAL = {
    "UnmatchedFile": {"sha256"},
    "PatientMerge": {"moved"},
    "EmergencyAccess": set(),
    "Revision": {"fact_type"},
    "TherapyCourse": {"start_date", "end_date"},
    "TherapyCycle": {"given_date", "last_date"},
    "PathologyReport": {"report_date"},
    "Consent": {"decided_on", "document_version"},
    "HistoryEntry": {"began"},
    "Exam": {"exam_date", "modality"},
    "Mammogram": {"exam_date", "sha256", "pixel_sha256", "manufacturer", "device_model", "flags"},
    "AnalysisJob": {"key", "holder", "error_code"},
    "Prediction": {
        "mammogram_sha256",
        "model_version",
        "model_sha256",
        "preparation_version",
        "reasons",
        "probabilities",
        "category",
        "prediction_set",
        "heat_map_key",
        "logits",
    },
    "BreastPrediction": {
        "pictures_key",
        "model_version",
        "model_sha256",
        "preparation_version",
        "probabilities",
        "category",
        "prediction_set",
    },
    "Comparison": {
        "mark_key",
        "algorithm_version",
        "preparation_version",
        "reason",
        "direction",
        "verdict",
        "registration",
        "parts",
        "lesion",
        "attention",
        "pictures_key",
    },
    "Recommendation": {"rules_version", "deciding_rule", "trace", "record"},
    "Reading": {"pictures"},
    "Arbitration": set(),
    "Decision": {"evidence", "evidence_sha256"},
    "Finding": {"not_estimated", "model_version", "model_sha256"},
    "SimilarCases": {
        "search_version",
        "reference_sha256",
        "model_version",
        "model_sha256",
        "preparation_version",
        "reason",
        "cases",
    },
}


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def administrator(clinic):
    return make_user(Role.ADMIN, clinics=[clinic], username="root")


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def patient(clinic, doctor, store, hints, settings):
    """Of a record that may go: archived, without a hold, and retention is over."""
    settings.RETENTION_YEARS = 0
    patient = services.register_patient(
        clinic_id=clinic.pk,
        medical_record_number="MRN-4711",
        family_name="Quisling",
        given_name="Zoe",
        birth_date=date(1961, 2, 3),
        sex="F",
        phone="0123 4567",
        registered_by=doctor,
    )
    services.update_patient(patient, expected_version=1, changed_by=doctor, given_name="Zelda")
    pixels = np.round(phantom(3).pixels * 255).astype(np.uint8)
    mammogram = store_mammogram(
        patient=patient,
        chunks=[cv2.imencode(".png", pixels)[1].tobytes()],
        statement=Statement(
            laterality="L",
            view="CC",
            exam_date=date(2024, 1, 5),
            accession_number="ACC-9",
            confirmed_identifiers=("name", "birth_date"),
        ),
        stored_by=doctor,
    ).mammogram
    make_decision(
        make_recommendation(current=mammogram), choice="refer", reason="Quisling has a lump."
    )
    make_emergency(patient, reason="Quisling fell from a ladder.")
    make_arbitration(mammogram, reason="Quisling told of it.")
    course = make_course(patient, regimen="AC-T for Quisling")
    services.amend_course(course, expected_version=1, recorded_by=doctor, regimen="EC of Quisling")
    entry = services.record_history(patient, item="HRT", note="Aunt Quisling.", recorded_by=doctor)
    services.retract_history(entry, reason="Aunt, not she.", retracted_by=doctor)
    twin = make_patient(clinic, family_name="Quisling", birth_date=date(1961, 2, 3))
    services.merge_patients(
        merged=twin, survivor=patient, reason="Sister says so.", merged_by=doctor
    )
    patient.refresh_from_db()
    services.update_patient(
        patient, expected_version=2, changed_by=doctor, deceased_date=date(2024, 11, 5)
    )
    services.archive_patient(patient, reason="Moved away.", archived_by=doctor)
    return patient


def test_L05_erasure_leaves_nothing_to_read_and_a_valid_chain(patient, administrator, store):
    first, *_ = entries(Action.PATIENT_UPDATED)
    assert private_values(first) == {"given_name": ["Zoe", "Zelda"]}
    kept_before = AuditDetail.objects.get(pk=first.pk).sealed  # as an old backup has it
    sha256 = Mammogram.objects.get().sha256
    assert [secret for secret in SECRETS if secret not in everything_stored()] == []

    erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)

    assert [secret for secret in SECRETS if secret in everything_stored()] == []
    for entry in entries():
        if entry.private_sha256:
            with pytest.raises(keys.PatientErased):
                private_values(entry)
    assert AuditDetail.objects.get(pk=first.pk).sealed == kept_before
    with pytest.raises(keys.PatientErased):
        keys.encrypt(b"", patient_id=patient.pk, entry_id=first.pk.hex)
    assert not store.path_of(sha256).exists()
    assert not store.derived_path(sha256, "display.jpg").parent.exists()
    erased = entries(Action.PATIENT_ERASED)
    assert {entry.object_id for entry in erased} == {row.pk for row in Patient.objects.all()}
    for entry in erased:
        assert (entry.actor_id, entry.detail) == (administrator.pk, {"reason": "patient_request"})
    broken = verify(chain=str(patient.clinic_id)).findings
    assert {finding.kind for finding in broken} == {"backlink"}
    assert {finding.what.split()[0] for finding in broken} == {  # made by factories
        "patient",
        "decision",
        "analysisjob",
        "therapycourse",
        "emergencyaccess",
        "arbitration",
    }
    assert {problem.kind for problem in check()} == {"missing_audit_link"}


def test_nothing_is_done_with_an_erased_record(patient, administrator, doctor):
    erase_patient(patient, reason=ErasureReason.COURT_ORDER, erased_by=administrator)

    with pytest.raises(keys.PatientErased):
        services.restore_patient(patient, reason="Came back.", restored_by=doctor)
    with pytest.raises(keys.PatientErased):
        services.place_hold(patient, reason="Court case.", placed_by=doctor)
    patient.refresh_from_db()
    assert (patient.archived_at is None, patient.hold_reason) == (False, "")


def test_every_field_is_said_to_be_personal_or_not():
    told = (CharField, TextField, DateField, JSONField, BinaryField)
    for model in apps.get_models():
        if not issubclass(model, TracedModel) or model._meta.app_label == "audit":
            continue
        free = {
            field.name
            for field in model._meta.fields
            if isinstance(field, told)
            and not isinstance(field, DateTimeField)
            and not field.choices
        }
        kept = NOT_PERSONAL.get(model.__name__, set())
        assert free == kept | set(model.personal), model
        assert not kept & set(model.personal), model


def test_L06_a_hold_and_the_retention_forbid_it(patient, administrator, doctor, settings):
    services.place_hold(patient, reason="Court case.", placed_by=doctor)
    with pytest.raises(RecordKept, match="legal hold"):
        erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)

    services.lift_hold(patient, reason="Case closed.", lifted_by=doctor)
    settings.RETENTION_YEARS = 10
    with pytest.raises(RecordKept, match="kept until"):
        erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)
    patient.refresh_from_db()
    assert patient.family_name == "Quisling"

    settings.RETENTION_YEARS = 0
    erase_patient(patient, reason=ErasureReason.RETENTION_EXPIRED, erased_by=administrator)
    patient.refresh_from_db()
    assert (patient.family_name, patient.erased_at is None) == ("erased", False)


def test_only_an_administrator_of_the_clinic_may(patient, clinic):
    reason = ErasureReason.PATIENT_REQUEST
    with pytest.raises(Forbidden):
        erase_patient(patient, reason=reason, erased_by=make_user(Role.DOCTOR, clinics=[clinic]))
    with pytest.raises(NotFound):
        erase_patient(patient, reason=reason, erased_by=make_user(Role.ADMIN))
    patient.refresh_from_db()
    assert patient.erased_at is None


def test_the_command_needs_a_reason_and_says_what_stops_it(patient, administrator, doctor):
    def run(*options):
        out = StringIO()
        call_command("erase_patient", str(patient.pk), "--by", "root", *options, stdout=out)
        return out.getvalue()

    with pytest.raises(CommandError, match="required"):
        run()
    services.place_hold(patient, reason="Court case.", placed_by=doctor)
    with pytest.raises(CommandError, match="legal hold"):
        run("--reason", "patient_request")
    services.lift_hold(patient, reason="Case closed.", lifted_by=doctor)
    assert run("--reason", "patient_request") == "Done.\n"
    patient.refresh_from_db()
    assert patient.family_name == "erased"


def everything_stored() -> str:
    """Every document of the database, as text."""
    database = connection.database
    names = database.list_collection_names()
    return "\n".join(str(row) for name in names for row in database[name].find())


@pytest.mark.parametrize(
    "says",
    [
        {"patient_id": "mrn 4711"},
        {"patient_name": "QUISLING^Zelda", "patient_birth_date": date(1961, 2, 3)},
    ],
)
def test_L05_a_file_that_waits_and_may_be_the_persons_comes_first(
    patient, clinic, administrator, doctor, says
):
    header = MammogramHeader(file_format="DICOM", rows=9, columns=9, bits_stored=12, **says)
    file = make_unmatched_file(clinic, header=header.as_json())
    make_unmatched_file(make_clinic(), header=header.as_json())  # another clinic's: not of it
    make_unmatched_file(clinic)  # of somebody else

    with pytest.raises(FileWaits) as refusal:
        erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)
    discard_file(file, reason=DiscardReason.NOT_OURS, discarded_by=doctor)
    erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)

    assert refusal.value.context["files"] == [str(file.pk)]
    assert Patient.objects.get(pk=patient.pk).erased_at


def test_L05_a_file_that_waits_in_another_clinic_stays(patient, administrator, store):
    mammogram = Mammogram.objects.get(patient=patient)
    make_unmatched_file(make_clinic(), sha256=mammogram.sha256)

    erase_patient(patient, reason=ErasureReason.PATIENT_REQUEST, erased_by=administrator)

    assert Patient.objects.get(pk=patient.pk).erased_at
    assert store.path_of(mammogram.sha256).exists()
