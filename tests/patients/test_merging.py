"""Two records made one and two again: nothing is lost, nothing is left behind."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import time_machine
from django.apps import apps
from django.db import DatabaseError, connection
from django.urls import reverse

from analysis.choices import JobState
from analysis.models import AnalysisJob, Countersignature, Finding, Recommendation
from analysis.services import jobs
from analysis.services.decisions import sign_decision
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.db import atomic, is_transient
from mammotrack.errors import Forbidden
from mammotrack.models import now
from patients import services
from patients.errors import RecordMerged
from patients.models import Patient, PatientFact, PatientMerge
from patients.partial_dates import PartialDate
from patients.selectors import record_number_keys, search_patients
from patients.services.facts import claim_record
from patients.services.merging import fact_models, whole_of
from scans.models import Mammogram
from scans.services import Statement, store_mammogram
from tests import dicom_files
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_arbitration,
    make_breast_prediction,
    make_decision,
    make_job,
    make_mark,
    make_reading,
    make_recommendation,
    make_similar_cases,
)
from tests.factories.patients import (
    make_course,
    make_cycle,
    make_emergency,
    make_pathology,
    make_patient,
)
from tests.factories.scans import make_mammogram, make_pair
from tests.web import assert_strict, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

WHY = "Same person: identity card seen."


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


def filled(clinic, doctor, **fields) -> Patient:
    """A patient with a row of every kind."""
    patient = make_patient(clinic, **fields)
    course = make_course(patient)
    make_cycle(course)
    make_pathology(patient)
    services.amend_course(course, expected_version=1, recorded_by=doctor, regimen="EC")
    services.record_consent(
        patient,
        purpose="AI",
        given=True,
        decided_on=date(2024, 1, 1),
        recorded_by=doctor,
    )
    services.record_history(
        patient, item="HRT", began=PartialDate.parse("2015"), recorded_by=doctor
    )
    prior, current = make_pair(patient)
    decision = make_decision(make_recommendation(prior=prior, current=current))
    make_similar_cases(current)
    make_breast_prediction(current.exam)
    make_emergency(patient)
    make_mark(prior)
    make_reading(current)
    make_arbitration(current)
    Finding.objects.create(
        clinic=clinic,
        patient=patient,
        mammogram=current,
        lesion=1,
        revision=1,
        shape="OVAL",
        age=53,
        recorded_by=doctor,
    )
    Countersignature.objects.create(
        clinic=clinic, patient=patient, decision=decision, signed_by=doctor
    )
    return patient


def documents() -> dict[str, list]:
    """Everything in the database about patients, but for the notes of the last entry."""
    everything = {}
    for model in [Patient, *fact_models()]:
        collection = connection.get_collection(model._meta.db_table)
        rows = sorted(collection.find(), key=lambda row: str(row["_id"]))
        for row in rows:
            row.pop("last_entry_at", None)
            row.pop("entries", None)
            row.pop("changed_at", None)
        everything[model._meta.label] = rows
    return everything


def merge(merged: Patient, survivor: Patient, doctor) -> PatientMerge:
    return services.merge_patients(merged=merged, survivor=survivor, reason=WHY, merged_by=doctor)


def owners(model) -> set:
    return set(model._base_manager.values_list("patient_id", flat=True))


def test_C09_S3_merge_then_unmerge_restores_every_document(clinic, doctor):
    survivor, merged = filled(clinic, doctor), filled(clinic, doctor)
    before = documents()
    assert all(before.values()), "a kind of row is missing from the test"

    made = merge(merged, survivor, doctor)

    for model in fact_models():
        assert owners(model) == {survivor.pk}, model
    merged.refresh_from_db()
    assert merged.merged_into_id == survivor.pk

    services.undo_merge(made, reason="Two sisters after all.", undone_by=doctor)

    assert documents() == before
    assert (
        list(
            AuditEntry.objects.filter(action__in=[Action.PATIENT_MERGED, Action.PATIENT_UNMERGED])
            .order_by("created_at")
            .values_list("action", flat=True)
        )
        == [Action.PATIENT_MERGED] * 2 + [Action.PATIENT_UNMERGED] * 2
    )


def test_S3_everything_that_refers_to_a_patient_moves():
    refer = {
        field.model
        for model in apps.get_models()
        for field in model._meta.fields
        if field.related_model is Patient
    }
    assert refer - set(fact_models()) == {Patient, PatientMerge}


def test_S3_every_part_says_what_it_is_part_of():
    for model in fact_models():
        wholes = {
            field.related_model
            for field in model._meta.fields
            if field.is_relation and issubclass(field.related_model, PatientFact)
        }
        assert (whole_of(model) in wholes) if wholes else (whole_of(model) is None), model


def test_S3_what_was_added_meanwhile_goes_with_what_it_is_part_of(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    theirs = make_mammogram(merged)
    course = make_course(merged)
    made = merge(merged, survivor, doctor)
    course.refresh_from_db()
    cycle = services.record_cycle(
        course, number=1, given_date=date(2024, 1, 10), recorded_by=doctor
    )
    theirs.refresh_from_db()
    found = make_recommendation(current=theirs)
    decision = sign_decision(
        found, choice=found.proposal, reason="", password=PASSWORD, signed_by=doctor
    )
    mine = make_mammogram(survivor)

    services.undo_merge(made, reason="Two sisters after all.", undone_by=doctor)

    for row in (theirs, course, cycle, found, found.job, found.current_prediction, decision):
        row.refresh_from_db()
        assert row.patient_id == merged.pk, row
    mine.refresh_from_db()
    assert mine.patient_id == survivor.pk


def test_S3_a_merged_id_leads_to_the_survivor(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    made = merge(merged, survivor, doctor)
    browser, program = signed_in(doctor), Program(doctor)

    page = browser.get(reverse("patients:detail", args=[merged.pk]))
    answer = program.get(f"/patients/{merged.pk}/")
    write = program.post(
        f"/patients/{merged.pk}/therapy-courses/",
        {"kind": "SURGERY", "regimen": "x", "start_date": "2024-01-01"},
    )

    assert page.status_code == 301
    assert page.headers["Location"] == reverse("patients:detail", args=[survivor.pk])
    assert page.headers["Cache-Control"] == "no-store"
    document = assert_problem(answer, 301, "patient_merged")
    assert answer.headers["Location"] == f"/api/v1/patients/{survivor.pk}/"
    assert document["context"] == {"patient_id": str(survivor.pk)}
    assert_problem(write, 409, "patient_merged")
    shown = browser.get(page.headers["Location"])
    assert_strict(shown)
    assert "was merged into this one" in shown.content.decode()
    assert reverse("patients:undo-merge", args=[survivor.pk, made.pk]) in shown.content.decode()


def test_S3_the_merged_number_finds_the_survivor(clinic, doctor):
    survivor = make_patient(clinic, family_name="Rivera")
    merged = make_patient(clinic, family_name="Moreno", medical_record_number="OLD-7")
    merge(merged, survivor, doctor)

    assert list(search_patients(doctor, "old 7")) == [survivor]
    assert list(search_patients(doctor, "Moreno")) == [survivor]
    assert record_number_keys(survivor) == {survivor.record_number_key, "OLD7"}
    listed = Program(doctor).get("/patients/").json()["results"]
    assert [row["id"] for row in listed] == [str(survivor.pk)]


def test_S3_a_file_with_the_merged_number_is_the_survivors(clinic, doctor, tmp_path):
    survivor = make_patient(clinic, birth_date=date(1970, 2, 3))
    merged = make_patient(clinic, medical_record_number="MRN-1", birth_date=date(1970, 2, 3))
    merge(merged, survivor, doctor)
    file = dicom_files.write_dicom(tmp_path / "x.dcm", dicom_files.mammogram())

    stored = store_mammogram(
        patient=survivor, chunks=[file.read_bytes()], statement=Statement(), stored_by=doctor
    )

    assert stored.mammogram.patient_id == survivor.pk


def test_C06_S3_a_job_under_way_during_the_merge_lands_on_the_survivor(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    mammogram = make_mammogram(merged)
    queued = make_job(make_mammogram(merged, view="MLO"))
    claim = jobs.claim(make_job(mammogram).pk)

    merge(merged, survivor, doctor)
    jobs.enqueue(current=mammogram, prior=None, requested_by=doctor)  # read before the merge
    jobs.finish(claim, state=JobState.DONE)

    assert owners(AnalysisJob) == {survivor.pk}
    queued.refresh_from_db()
    assert (queued.state, queued.patient_id) == (JobState.QUEUED, survivor.pk)
    assert AnalysisJob.objects.count() == 3


def test_S3_of_two_entries_in_one_millisecond_the_second_keeps_a_merge_out_too(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)

    def merge_meanwhile() -> None:
        try:
            with atomic():
                Patient.objects.filter(pk=merged.pk).update(merged_into=survivor.pk)
        finally:
            connection.close()

    with time_machine.travel(now(), tick=False), ThreadPoolExecutor(1) as elsewhere:
        with atomic():
            claim_record(merged.pk)
        with atomic():
            claim_record(merged.pk)
            with pytest.raises(DatabaseError) as met:
                elsewhere.submit(merge_meanwhile).result()
    assert is_transient(met.value)


def test_S3_an_upload_at_the_same_moment_is_refused_or_moves(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)

    def work(step: int) -> str:
        try:
            if step == 3:
                merge(merged, survivor, doctor)
                return "merged"
            services.record_pathology(
                merged,
                laterality="L",
                result="BENIGN",
                report_date=date(2024, 1, 1 + step),
                recorded_by=doctor,
            )
        except RecordMerged:
            return "refused"
        finally:
            connection.close()
        return "stored"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(8)))

    model = apps.get_model("patients", "PathologyReport")
    assert owners(model) <= {survivor.pk}
    assert model.objects.count() == outcomes.count("stored")
    assert outcomes.count("merged") == 1


def test_S3_two_merges_in_opposite_directions_leave_one_survivor(clinic, doctor):
    one, other = make_patient(clinic), make_patient(clinic)

    def run(pair: tuple[Patient, Patient]) -> str:
        try:
            merge(*pair, doctor)
        except RecordMerged:
            return "refused"
        finally:
            connection.close()
        return "merged"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(run, [(one, other), (other, one)]))

    assert outcomes == ["merged", "refused"]
    assert Patient.objects.filter(merged_into=None).count() == 1


def test_S3_merges_in_a_row_are_undone_from_the_last(clinic, doctor):
    first, second, third = (make_patient(clinic) for _ in range(3))
    make_course(first)
    inner = merge(first, second, doctor)
    outer = merge(second, third, doctor)

    with pytest.raises(RecordMerged):
        services.undo_merge(inner, reason="Not the same.", undone_by=doctor)
    services.undo_merge(outer, reason="Not the same.", undone_by=doctor)
    services.undo_merge(inner, reason="Not the same.", undone_by=doctor)

    assert owners(apps.get_model("patients", "TherapyCourse")) == {first.pk}


def test_S3_an_analysis_of_two_people_is_void_after_the_unmerge(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    prior = make_mammogram(survivor, exam_date=date(2024, 1, 5))
    current = make_mammogram(merged, exam_date=date(2024, 7, 5))
    made = merge(merged, survivor, doctor)
    for mammogram in (prior, current):
        mammogram.refresh_from_db()
    found = make_recommendation(prior=prior, current=current)
    services.undo_merge(made, reason="Two sisters after all.", undone_by=doctor)
    found = Recommendation.objects.select_related("job__current", "job__prior").get()

    page = signed_in(doctor).get(reverse("analysis:detail", args=[found.job_id]))

    assert found.patient_id == merged.pk
    assert page.status_code == 409
    assert str(prior.pk) not in page.content.decode()
    with pytest.raises(jobs.PatientsSeparated):
        sign_decision(found, choice=found.proposal, reason="", password=PASSWORD, signed_by=doctor)


def test_S3_records_are_merged_and_parted_on_pages(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    browser = signed_in(doctor)
    here = reverse("patients:merge", args=[survivor.pk])
    typed = {"record_number": merged.medical_record_number, "reason": WHY}

    assert_strict(browser.get(here))
    unknown = browser.post(here, typed | {"record_number": "no such"})
    compared = browser.post(here, typed)
    assert (unknown.status_code, compared.status_code) == (422, 200)
    assert compared.context["other"] == merged
    assert not PatientMerge.objects.exists()
    done = browser.post(here, typed | {"compared_with": str(merged.pk)})

    made = PatientMerge.objects.get()
    assert done.headers["Location"] == reverse("patients:detail", args=[survivor.pk])
    undo = reverse("patients:undo-merge", args=[survivor.pk, made.pk])
    assert browser.post(undo, {"reason": "no"}).status_code == 422
    assert browser.post(undo, {"reason": "Two sisters."}).status_code == 302
    assert browser.post(undo, {"reason": "Two sisters."}).status_code == 409


def test_S3_records_are_merged_and_parted_over_the_api(clinic, doctor):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    foreign = make_patient()
    program = Program(doctor)
    path = f"/patients/{survivor.pk}/merges/"

    itself = program.post(path, {"merged": str(survivor.pk), "reason": WHY})
    other_clinic = program.post(path, {"merged": str(foreign.pk), "reason": WHY})
    made = program.post(path, {"merged": str(merged.pk), "reason": WHY})
    undone = program.post(f"{path}{made.json()['id']}/undo/", {"reason": "Two sisters."})

    assert_problem(itself, 422, "invalid_merge")
    assert_problem(other_clinic, 404, "not_found")
    assert (made.status_code, undone.status_code) == (201, 200)
    assert undone.json()["undo_reason"] == "Two sisters."


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.RADIOGRAPHER, Role.ADMIN])
def test_S3_only_doctors_merge(clinic, role):
    survivor, merged = make_patient(clinic), make_patient(clinic)
    user = make_user(role, clinics=[clinic])

    with pytest.raises(Forbidden):
        merge(merged, survivor, user)
    assert Mammogram.objects.count() == 0
