"""From a draft to the active model: shadow run, signature, activation. Real networks, tiny."""

import json
from dataclasses import replace
from datetime import date
from io import StringIO
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError

from analysis import inference
from analysis.choices import JobState, ModelState
from analysis.management import people
from analysis.models import AnalysisJob, ModelVersion, Prediction, Recommendation
from analysis.releases import active_model
from analysis.services.releases import ReportRefused, activate_model, sign_report
from analysis.services.run import run_job
from analysis.services.shadow import SameModel, shadow_run
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden
from ml_models import classifier, registry
from ml_models.errors import ModelError
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.phantoms import phantom

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def releases(tmp_path, monkeypatch):
    """Three versions of one network: what is shipped active, and two drafts."""
    folder = tmp_path / "weights"
    shipped = registry.active_manifest()
    weights = registry.load_weights(shipped)
    for version, state, bias in (("a-1", "active", 0), ("b-2", "draft", 9), ("c-3", "draft", 0)):
        small = replace(
            shipped, version=version, state=state, input_shape=(128, 96), familiarity=None
        )
        shifted = weights["logits/bias"] + np.float32([0, 0, 0, bias])
        registry.save_version(small, weights | {"logits/bias": shifted}, folder=folder)
    for module in (registry, classifier):
        monkeypatch.setattr(module, "WEIGHTS_FOLDER", folder)
    for function in (
        registry.active_manifest,
        registry.versions,
    ):
        monkeypatch.setattr(function, "__defaults__", (folder,))
    for function in (registry.load_manifest, registry.load_weights):
        monkeypatch.setattr(function, "__kwdefaults__", {"folder": folder})
    for method in (classifier.Classifier.__init__, classifier.Classifier.load.__func__):
        monkeypatch.setattr(method, "__kwdefaults__", {"folder": folder})
    inference.classifier.cache_clear()
    yield folder
    inference.classifier.cache_clear()


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def scans(clinic) -> list[Mammogram]:
    patient = make_patient(clinic)
    uploader = make_user(Role.RADIOGRAPHER, clinics=[clinic])

    def upload(seed: int) -> Mammogram:
        pixels = np.round(phantom(seed).pixels * 255).astype(np.uint8)
        return store_mammogram(
            patient=patient,
            chunks=[cv2.imencode(".png", pixels)[1].tobytes()],
            statement=Statement(
                laterality="L",
                view="CC",
                exam_date=date(2024, seed, 1),
                confirmed_identifiers=("name", "birth_date"),
            ),
            stored_by=uploader,
        ).mammogram

    return [upload(seed) for seed in (1, 2)]


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic], password=PASSWORD)


@pytest.fixture
def admin():
    return make_user(Role.ADMIN, password=PASSWORD)


@pytest.fixture
def report(releases, scans) -> dict[str, Any]:
    return shadow_run("b-2", scans)


def states() -> dict[str, str]:
    return {row.version: row.state for row in ModelVersion.objects.all()}


def test_the_release_says_what_is_active_until_the_server_does(releases):
    assert active_model().version == "a-1"


def test_a_shadow_run_says_how_two_versions_differ_and_changes_no_record(report, scans):
    assert report["n"] == 2
    assert report["active"]["version"] == "a-1"
    assert report["candidate"]["version"] == "b-2"
    assert sum(report["distribution"]["candidate"].values()) == 2
    assert report["agreed"] + sum(report["changes"].values()) == 2
    assert set(report["changed"]) <= {str(scan.pk) for scan in scans}
    assert report["suspicious_probability"]["n"] == 2
    assert states() == {"b-2": ModelState.SHADOW}
    assert active_model().version == "a-1"
    assert not Prediction.objects.exists()
    entry = AuditEntry.objects.get(action=Action.MODEL_SHADOWED)
    assert entry.detail["version"] == "b-2"


def test_a_version_is_not_its_own_shadow(releases):
    with pytest.raises(SameModel):
        shadow_run("a-1", [])


def test_a_signed_report_activates_and_retires_and_both_are_audited(report, doctor, admin):
    signed = sign_report(report, signed_by=doctor)

    activate_model("b-2", report=json.loads(json.dumps(signed)), activated_by=admin)

    assert states() == {"a-1": ModelState.RETIRED, "b-2": ModelState.ACTIVE}
    assert active_model().version == "b-2"
    entry = AuditEntry.objects.get(action=Action.MODEL_ACTIVATED)
    assert entry.actor_id == admin.pk
    assert (entry.detail["version"], entry.detail["replaces"]) == ("b-2", "a-1")
    assert entry.detail["report_signed_by"] == str(doctor.pk)


def test_C08_a_model_activated_while_jobs_wait_is_named_by_what_it_made(
    report, scans, doctor, admin
):
    first, second = (AnalysisJob.objects.get(current=scan) for scan in scans)
    run_job(first.pk)

    activate_model("b-2", report=sign_report(report, signed_by=doctor), activated_by=admin)
    run_job(second.pk)

    assert {*AnalysisJob.objects.values_list("state", "error_code")} == {(JobState.DONE, "")}
    made = Recommendation.objects.select_related("current_prediction", "prior_prediction")
    before, after = made.get(job=first), made.get(job=second)
    old, new = registry.load_manifest("a-1"), registry.load_manifest("b-2")
    assert named(before.current_prediction) == (old.version, old.sha256)
    assert named(after.current_prediction) == (new.version, new.sha256)
    assert named(after.prior_prediction) == (new.version, new.sha256)
    assert Prediction.objects.filter(mammogram=scans[0]).count() == 2


def named(prediction: Prediction) -> tuple[str, str]:
    return prediction.model_version, prediction.model_sha256


@pytest.mark.parametrize(
    ("tampered", "code"),
    [
        (lambda r: {k: v for k, v in r.items() if k != "signature"}, "report_unsigned"),
        (lambda r: r | {"agreed": 99}, "report_forged"),
        (lambda r: r | {"signature": r["signature"] | {"name": "Dr No"}}, "report_forged"),
        (lambda r: r | {"signature": r["signature"] | {"mac": "0" * 64}}, "report_forged"),
    ],
)
def test_activation_is_refused_without_a_genuine_signature(report, doctor, admin, tampered, code):
    signed = sign_report(report, signed_by=doctor)

    with pytest.raises(ReportRefused) as refusal:
        activate_model("b-2", report=tampered(signed), activated_by=admin)

    assert refusal.value.problem_code == code
    assert active_model().version == "a-1"
    assert states() == {"b-2": ModelState.SHADOW}
    assert not AuditEntry.objects.filter(action=Action.MODEL_ACTIVATED).exists()


def test_a_report_of_other_models_or_of_no_picture_activates_nothing(report, doctor, admin):
    empty = sign_report(report | {"n": 0}, signed_by=doctor)
    for version, given, code in (
        ("c-3", sign_report(report, signed_by=doctor), "report_of_other_models"),
        ("b-2", empty, "report_empty"),
    ):
        with pytest.raises(ReportRefused) as refusal:
            activate_model(version, report=given, activated_by=admin)
        assert refusal.value.problem_code == code
    assert active_model().version == "a-1"


def test_a_report_holds_only_beside_the_version_it_was_made_beside(report, scans, doctor, admin):
    other = sign_report(shadow_run("c-3", scans), signed_by=doctor)
    activate_model("b-2", report=sign_report(report, signed_by=doctor), activated_by=admin)

    with pytest.raises(ReportRefused) as refusal:
        activate_model("c-3", report=other, activated_by=admin)

    assert refusal.value.problem_code == "report_of_other_models"
    assert active_model().version == "b-2"


def test_signing_and_activating_take_two_people(report, admin):
    with pytest.raises(ReportRefused) as refusal:
        activate_model("b-2", report=sign_report(report, signed_by=admin), activated_by=admin)
    assert refusal.value.problem_code == "same_person"


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.RADIOGRAPHER, Role.RESEARCHER])
def test_others_neither_sign_nor_activate(role, report, doctor):
    with pytest.raises(Forbidden):
        sign_report(report, signed_by=make_user(role))
    for user in (make_user(role), doctor):
        with pytest.raises(Forbidden):
            activate_model("b-2", report=sign_report(report, signed_by=doctor), activated_by=user)


def test_the_database_knows_no_two_active_versions():
    row = {"task": ModelVersion.BIRADS, "sha256": "0" * 64, "state": ModelState.ACTIVE}
    ModelVersion.objects.create(version="x-1", **row)
    ModelVersion.objects.create(version="x-0", **row | {"state": ModelState.RETIRED})
    ModelVersion.objects.create(version="x-00", **row | {"state": ModelState.RETIRED})
    with pytest.raises(IntegrityError):
        ModelVersion.objects.create(version="x-2", **row)


def test_files_other_than_those_that_were_activated_answer_nothing(report, doctor, admin, releases):
    activate_model("b-2", report=sign_report(report, signed_by=doctor), activated_by=admin)
    manifest = registry.load_manifest("b-2")
    registry.save_version(manifest, {"logits/bias": np.zeros(4, np.float32)}, folder=releases)

    with pytest.raises(ModelError) as refusal:
        active_model()

    assert refusal.value.code == "hash_mismatch"


def test_the_commands_lead_from_a_draft_to_the_active_model(
    releases, scans, doctor, admin, tmp_path, monkeypatch
):
    path = tmp_path / "report.json"
    answers = iter([PASSWORD, "wrong", PASSWORD])
    monkeypatch.setattr(people, "getpass", lambda prompt: next(answers))

    def run(*arguments: str) -> str:
        out = StringIO()
        call_command(*arguments, stdout=out, stderr=StringIO())
        return out.getvalue()

    printed = run("shadow_run", "b-2", "--report", str(path))
    assert "b-2 beside a-1 on 2 scans" in printed
    assert doctor.full_name in run("sign_report", str(path), "--by", doctor.username)
    activate = ("activate_model", "b-2", "--report", str(path), "--by", admin.username)
    with pytest.raises(CommandError):
        run(*activate)
    assert active_model().version == "a-1"
    assert run(*activate) == "b-2 answers from now on.\n"
    assert active_model().version == "b-2"
