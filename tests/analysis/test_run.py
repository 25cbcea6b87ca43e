"""One job from stored pictures to a proposal, with the real model and the real comparison."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import cv2
import numpy as np
import pytest
from django.apps import apps
from django.db import connection

from analysis import selectors
from analysis.choices import JobState, Proposal, RecommendationStatus
from analysis.guideline import RULES_VERSION
from analysis.imaging.versions import DEFAULT_ALGORITHM, PREPARATION_VERSION
from analysis.integrity import check
from analysis.models import (
    AnalysisJob,
    BreastPrediction,
    Comparison,
    Prediction,
    Recommendation,
    SimilarCases,
)
from analysis.pictures import heat_map_path, kept_pictures
from analysis.services import jobs, run
from analysis.services.erasure import ErasureReason, erase_patient
from analysis.services.lesions import mark_lesion
from analysis.services.run import run_job
from mammotrack.accounts.models import Role
from mammotrack.audit import keys
from mammotrack.audit.chain import collection
from mammotrack.audit.models import Action, AuditEntry
from ml_models import registry
from ml_models.classifier import Classifier
from ml_models.similar.reference import reference_set
from patients.consents import ConsentWithdrawn
from patients.models import Patient
from patients.services import archive_patient, merge_patients, record_consent
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests.factories.accounts import make_user
from tests.factories.patients import make_course, make_pathology, make_patient
from tests.phantoms import SPACING_MM, Lesion, phantom

pytestmark = [pytest.mark.django_db, pytest.mark.model, pytest.mark.usefixtures("store", "hints")]

FROM_FACTORIES = ("patient ", "user ", "therapycourse ", "pathologyreport ")


def upload(patient: Patient, day: date, **options: Any) -> Mammogram:
    laterality, seed = options.pop("laterality", "L"), options.pop("seed", 1)
    pixels = np.round(phantom(seed, **options).pixels * 255).astype(np.uint8)
    if laterality == "R":
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    return store_mammogram(
        patient=patient,
        chunks=[cv2.imencode(".png", pixels)[1].tobytes()],
        statement=Statement(
            laterality=laterality,
            view="CC",
            exam_date=day,
            pixel_spacing_mm=SPACING_MM,
            confirmed_identifiers=("name", "birth_date"),
        ),
        stored_by=make_user(Role.RADIOGRAPHER, clinics=[patient.clinic]),
    ).mammogram


@pytest.fixture
def pair_job() -> AnalysisJob:
    patient = make_patient()
    make_course(patient, start_date=date(2024, 1, 10))
    make_pathology(patient, laterality="L")
    upload(patient, date(2024, 1, 5))
    current = upload(patient, date(2024, 7, 5), shift_mm=(3.0, 2.0))
    return AnalysisJob.objects.get(current=current)


def test_a_job_writes_everything_with_its_versions(pair_job):
    run_job(pair_job.pk)

    pair_job.refresh_from_db()
    assert (pair_job.state, pair_job.attempt, pair_job.error_code) == (JobState.DONE, 1, "")
    found = Recommendation.objects.select_related("current_prediction", "comparison").get()
    assert found.job_id == pair_job.pk
    assert found.status == RecommendationStatus.PROPOSED
    assert found.proposal in Proposal.values
    assert found.rules_version == RULES_VERSION
    assert found.record == {
        "on_chemotherapy": True,
        "cycles_given": 0,
        "cycles_planned": 8,
        "malignancy_proven": True,
    }
    prediction, model = found.current_prediction, registry.active_manifest()
    assert (prediction.model_version, prediction.model_sha256, prediction.preparation_version) == (
        model.version,
        model.sha256,
        PREPARATION_VERSION,
    )
    assert prediction.mammogram_sha256 == pair_job.current.sha256
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-6)
    overlay = cv2.imread(str(heat_map_path(prediction)), cv2.IMREAD_UNCHANGED)
    assert overlay.shape == (800, 640, 4)
    assert 0 <= prediction.heat_outside_share <= 1
    assert prediction.heat_plausible == (prediction.heat_outside_share <= 0.2)
    assert heat_map_path(found.prior_prediction) != heat_map_path(prediction)
    comparison = found.comparison
    assert (comparison.prior_id, comparison.algorithm_version) == (
        pair_job.prior_id,
        DEFAULT_ALGORITHM,
    )
    assert comparison.ssim > comparison.ssim_baseline
    assert {"prior", "aligned_prior", "current", "ssim_map"} <= kept_pictures(comparison)
    similar = SimilarCases.objects.get()
    assert (similar.mammogram_id, similar.reason, len(similar.cases)) == (
        pair_job.current_id,
        "",
        5,
    )
    assert {(case["laterality"], case["view"]) for case in similar.cases} == {("L", "CC")}


def test_D10_the_second_view_of_an_exam_adds_an_answer_for_the_breast_as_a_whole():
    patient = make_patient()
    day = date(2024, 1, 5)
    left, right = (upload(patient, day, laterality=side, seed=2) for side in "LR")

    run_job(AnalysisJob.objects.get(current=left).pk)
    alone = BreastPrediction.objects.count()
    run_job(AnalysisJob.objects.get(current=right).pk)
    run_job(AnalysisJob.objects.get(current=right).pk)  # delivered twice

    assert left.exam_id == right.exam_id
    assert alone == 0
    rows = {row.laterality: row for row in BreastPrediction.objects.all()}
    assert sorted(rows) == ["L", "R"]
    assert BreastPrediction.objects.count() == 2
    model = Classifier.load()
    logits = {p.mammogram_id: [np.array(p.logits)] for p in Prediction.objects.all()}
    expected = model.fuse(logits[left.pk], logits[right.pk])
    assert rows["L"].probabilities == pytest.approx(expected.probabilities)
    assert (rows["L"].pictures, rows["L"].pictures_beside) == (1, 1)
    assert rows["L"].model_sha256 == model.sha256


def test_one_pass_leaves_the_features_that_similar_cases_are_found_by(pair_job):
    run_job(pair_job.pk)

    for prediction in Prediction.objects.all():
        features = np.frombuffer(prediction.features, "<f2")
        assert features.shape == reference_set().features.shape[1:]
        assert features.max() > 0


def test_a_marked_mass_is_measured_and_kept_beside_the_unmarked_result():
    patient = make_patient()
    make_course(patient, start_date=date(2024, 1, 10))
    mass, smaller = Lesion(diameter_mm=26), Lesion(diameter_mm=14)
    prior = upload(patient, date(2024, 1, 5), lesion=mass)
    current = upload(patient, date(2024, 7, 5), lesion=smaller, shift_mm=(3.0, 2.0))
    plain = AnalysisJob.objects.get(current=current)
    doctor = make_user(Role.DOCTOR, clinics=[patient.clinic])
    mark = mark_lesion(prior, x=180.0, y=420.0, radius=52.0, marked_by=doctor)
    at_mark = AnalysisJob.objects.get(mark=mark)

    run_job(plain.pk)
    run_job(at_mark.pk)

    unmarked, marked = (Comparison.objects.get(mark=each) for each in (None, mark))
    assert unmarked.lesion is None
    assert unmarked.verdict in ("no_detectable_change", "changed_direction_unclear")
    assert marked.verdict == marked.direction == "regression"
    low, high = marked.change_probability_low, marked.change_probability_high
    assert marked.change_threshold < low <= marked.change_probability <= high
    assert unmarked.change_threshold != marked.change_threshold
    assert marked.lesion["prior_mm"] == pytest.approx(26, abs=3)
    assert marked.lesion["current_mm"] == pytest.approx(14, abs=3)
    assert marked.lesion["prior_mark"] == {"x": 180.0, "y": 420.0, "radius": 52.0}
    assert {"lesion_prior", "lesion_current"} <= kept_pictures(marked)
    assert {"lesion_prior", "lesion_current"}.isdisjoint(kept_pictures(unmarked))
    assert marked.pictures_key != unmarked.pictures_key
    earlier, later = (Recommendation.objects.get(job=each) for each in (plain, at_mark))
    assert (earlier.status, earlier.superseded_by_id) == (RecommendationStatus.SUPERSEDED, later.pk)
    assert set(marked.parts) == {
        "luminance",
        "contrast",
        "structure",
        "multiscale_ssim",
        "ssim_by_scale",
    }
    assert [each["mm"] for each in marked.parts["ssim_by_scale"]] == [0.4, 0.8, 1.6, 3.2]
    assert marked.parts["ssim_by_scale"][-1]["ssim"] == marked.ssim
    assert marked.lesion["prior_calcifications"]["count"] >= 0
    trace = {entry["rule"]: entry for entry in later.trace}
    assert trace["SIZE-1"]["inputs"]["size_category"] == "partial_decrease"
    assert trace["THERAPY-2"]["inputs"]["lesion_marked"] is True
    (lesion,) = selectors.followed_lesions_of(patient, user=doctor)
    assert [each.category.value for each in lesion.course] == ["baseline", "partial_decrease"]


def test_growth_over_the_smallest_size_is_seen_by_the_rules():
    """30 to 18 to 24 mm: less than at first, and yet a reason to refer."""
    patient = make_patient()
    make_course(patient, start_date=date(2024, 1, 10))
    prior, _, last = (
        upload(patient, day, lesion=Lesion(diameter_mm=size), shift_mm=(move, move))
        for day, size, move in (
            (date(2024, 1, 5), 30, 0.0),
            (date(2024, 4, 5), 15, 2.0),
            (date(2024, 7, 5), 24, 3.0),
        )
    )
    mark = mark_lesion(prior, x=180.0, y=420.0, radius=60.0, marked_by=make_user(Role.DOCTOR))

    for job in AnalysisJob.objects.filter(mark=mark).order_by("current__exam_date"):
        run_job(job.pk)

    found = Recommendation.objects.get(job__in=AnalysisJob.objects.filter(mark=mark, current=last))
    sized = next(entry for entry in found.trace if entry["rule"] == "SIZE-1")
    assert sized["fired"] is True
    assert sized["inputs"]["size_category"] == "increase"
    assert sized["inputs"]["smallest_before_mm"] < sized["inputs"]["diameter_mm"] < 30


def test_d11_a_lesion_on_the_current_picture_alone_is_progression_and_takes_over_the_proposal():
    patient = make_patient()
    make_course(patient, start_date=date(2024, 1, 10))
    upload(patient, date(2024, 1, 5))
    current = upload(patient, date(2024, 7, 5), lesion=Lesion(diameter_mm=20), shift_mm=(3.0, 2.0))
    plain = AnalysisJob.objects.get(current=current)
    run_job(plain.pk)
    mark = mark_lesion(
        current, x=180.0, y=420.0, radius=40.0, is_new=True, marked_by=make_user(Role.DOCTOR)
    )
    job = AnalysisJob.objects.get(mark=mark)

    run_job(job.pk)

    found, before = (Recommendation.objects.get(job=each) for each in (job, plain))
    assert (found.deciding_rule, found.proposal) == ("LESION-1", Proposal.REFER)
    sized = next(entry for entry in found.trace if entry["rule"] == "LESION-1")
    assert (sized["fired"], sized["inputs"]) == (True, {"size_category": "new_lesion"})
    assert found.comparison_id == before.comparison_id  # nothing on the prior to measure it against
    assert found.comparison.mark_id is None
    assert (before.status, before.superseded_by_id) == (RecommendationStatus.SUPERSEDED, found.pk)


def test_a_mark_beside_the_breast_fails_with_its_code(pair_job):
    mark = mark_lesion(
        pair_job.prior, x=630.0, y=10.0, radius=30.0, marked_by=make_user(Role.DOCTOR)
    )
    job = AnalysisJob.objects.get(mark=mark)

    run_job(job.pk)

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "mark_outside_breast")
    assert not Comparison.objects.exists()


def test_C01_C03_fifty_deliveries_at_once_make_one_result_and_one_entry(pair_job):
    def deliver(_: int) -> None:
        try:
            run_job(pair_job.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(deliver, range(50)))
    run_job(pair_job.pk)  # and once more, long after

    pair_job.refresh_from_db()
    assert (pair_job.state, pair_job.attempt) == (JobState.DONE, 1)
    assert Recommendation.objects.count() == 1
    assert Comparison.objects.count() == 1
    assert Prediction.objects.count() == 2
    assert AuditEntry.objects.filter(action=Action.ANALYSIS_DONE).count() == 1


def test_a_picture_is_predicted_once_though_it_is_in_two_jobs(pair_job):
    alone = AnalysisJob.objects.get(current=pair_job.prior)

    run_job(alone.pk)
    run_job(pair_job.pk)

    assert Prediction.objects.filter(mammogram=pair_job.prior).count() == 1
    assert Recommendation.objects.count() == 2


def test_C11_a_worker_that_lost_its_claim_writes_nothing(pair_job, monkeypatch):
    from analysis import pipeline

    analyse_pair = pipeline.analyse_pair

    def slow(**pictures: Any) -> Any:
        AnalysisJob.objects.filter(pk=pair_job.pk).update(holder="somebody else")
        return analyse_pair(**pictures)

    monkeypatch.setattr(pipeline, "analyse_pair", slow)

    before = everything()
    run_job(pair_job.pk)

    assert {name for name, rows in everything().items() if rows != before[name]} == {"analysisjob"}
    pair_job.refresh_from_db()
    assert (pair_job.state, pair_job.holder) == (JobState.RUNNING, "somebody else")


def everything() -> dict[str, list[Any]]:
    """Every stored document, by kind."""
    return {
        model._meta.model_name: list(collection(model).find(sort=[("_id", 1)]))
        for model in apps.get_models()
    }


def test_missing_pixels_fail_the_job_with_a_code(pair_job, store):
    store.derived_path(pair_job.current.sha256, "pixels.png").unlink()

    run_job(pair_job.pk)

    pair_job.refresh_from_db()
    assert (pair_job.state, pair_job.error_code) == (JobState.FAILED, "damaged_file")
    assert not Recommendation.objects.exists()


def test_a_bug_gives_the_job_back_and_shows_itself(pair_job, monkeypatch, hints):
    from analysis import pipeline

    def broken(**_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "analyse_pair", broken)
    hints.clear()

    with pytest.raises(ZeroDivisionError):
        run_job(pair_job.pk)

    pair_job.refresh_from_db()
    assert (pair_job.state, pair_job.attempt) == (JobState.QUEUED, 1)
    assert hints == [str(pair_job.pk)]


def test_C07_a_scan_that_arrives_late_is_compared_and_supersedes():
    patient = make_patient()
    january = upload(patient, date(2024, 1, 5))
    july = upload(patient, date(2024, 7, 5), shift_mm=(3.0, 2.0))
    run_job(AnalysisJob.objects.get(current=july).pk)
    first = Recommendation.objects.get()

    april = upload(patient, date(2024, 4, 5), shift_mm=(1.0, 1.0))
    pairs = AnalysisJob.objects.filter(state=JobState.QUEUED, prior__isnull=False)
    assert set(pairs.values_list("prior_id", "current_id")) == {
        (january.pk, april.pk),
        (april.pk, july.pk),
    }
    run_job(pairs.get(current=july).pk)

    first.refresh_from_db()
    second = Recommendation.objects.get(prior=april)
    assert (first.status, second.status) == (
        RecommendationStatus.SUPERSEDED,
        RecommendationStatus.PROPOSED,
    )
    assert Comparison.objects.filter(pk=first.comparison_id).exists()
    entry = AuditEntry.objects.get(action=Action.ANALYSIS_DONE, object_id=second.job_id)
    assert entry.detail["superseded"] == [first.pk.hex]


def test_a_late_prior_is_compared_with_the_next_picture():
    patient = make_patient()
    current = upload(patient, date(2024, 7, 5))
    prior = upload(patient, date(2024, 1, 5), shift_mm=(3.0, 2.0))

    assert set(AnalysisJob.objects.values_list("current_id", "prior_id")) == {
        (current.pk, None),
        (prior.pk, None),
        (current.pk, prior.pk),
    }
    assert {job.state for job in AnalysisJob.objects.all()} == {JobState.QUEUED}
    assert jobs.sweep() == 0


@pytest.fixture
def computed(pair_job):
    """A claimed job whose pictures are analysed and whose results are not written yet."""
    claim = jobs.claim(pair_job.pk)
    findings = run._analyse(claim.job)
    return claim, findings, run.search_similar(claim.job.current, findings)


def test_C06_S3_results_of_a_job_under_way_during_a_merge_land_on_the_survivor(pair_job, computed):
    survivor = make_patient(pair_job.patient.clinic)
    doctor = make_user(Role.DOCTOR, clinics=[survivor.clinic])
    merge_patients(
        merged=pair_job.patient, survivor=survivor, reason="One person.", merged_by=doctor
    )

    keep(computed)

    found = Recommendation.objects.get()
    rows = (found, found.job, found.current_prediction, found.prior_prediction, found.comparison)
    assert {row.patient_id for row in (*rows, *SimilarCases.objects.all())} == {survivor.pk}
    assert found.record["malignancy_proven"] is True
    assert AuditEntry.objects.get(action=Action.ANALYSIS_DONE).patient_id == survivor.pk
    assert unsound() == []


def test_C06_results_of_a_job_under_way_during_archiving_stay_in_the_record(pair_job, computed):
    archive_patient(
        pair_job.patient,
        reason="Moved away.",
        archived_by=make_user(Role.DOCTOR, clinics=[pair_job.patient.clinic]),
    )

    keep(computed)

    assert Recommendation.objects.get().patient_id == pair_job.patient_id
    assert unsound() == []


def test_C06_nothing_is_kept_of_a_patient_erased_during_the_analysis(
    pair_job, computed, store, settings
):
    settings.RETENTION_YEARS = 0
    clinic = pair_job.patient.clinic
    archive_patient(
        pair_job.patient,
        reason="Moved away.",
        archived_by=make_user(Role.DOCTOR, clinics=[clinic]),
    )
    erase_patient(
        pair_job.patient,
        reason=ErasureReason.PATIENT_REQUEST,
        erased_by=make_user(Role.ADMIN, clinics=[clinic]),
    )

    with pytest.raises(keys.PatientErased):
        keep(computed)

    assert not Recommendation.objects.exists()
    assert not Prediction.objects.exists()
    assert [*store.entries("objects"), *store.entries("derived")] == []
    assert unsound() == []


def keep(computed: Any) -> None:
    """What a worker does last."""
    claim, findings, similar = computed
    run._keep_heat_maps(claim.job, findings)
    run._write_results(claim, findings, similar, run._keep_pictures(claim.job, findings))


def unsound() -> list[str]:
    """What the check of the store finds, but for what factories made without an entry."""
    return [
        problem.what
        for problem in check()
        if problem.kind != "missing_audit_link" or not problem.what.startswith(FROM_FACTORIES)
    ]


def test_S13_results_computed_while_consent_was_withdrawn_are_not_stored(pair_job, computed):
    record_consent(
        pair_job.patient,
        purpose="AI",
        given=False,
        decided_on=date(2024, 8, 1),
        recorded_by=make_user(Role.DOCTOR, clinics=[pair_job.patient.clinic]),
    )

    with pytest.raises(ConsentWithdrawn):
        run._write_results(*computed, "")

    assert not Recommendation.objects.exists()
    assert not Prediction.objects.exists()
