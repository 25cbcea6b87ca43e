"""A proposal says on what it rests, and only a doctor's signature makes it a decision."""

from dataclasses import asdict
from datetime import date

import pytest

from analysis.choices import RecommendationStatus
from analysis.guideline import RULES_VERSION, THRESHOLDS
from analysis.models import AnalysisJob, Decision, Recommendation
from analysis.services.run import run_job
from mammotrack.accounts.models import Role
from tests.analysis.test_run import upload
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_course, make_patient
from tests.factories.scans import make_pair

pytestmark = pytest.mark.django_db


@pytest.mark.model
@pytest.mark.usefixtures("store", "hints")
def test_D12_what_fired_names_values_thresholds_and_sources():
    patient = make_patient()
    make_course(patient, start_date=date(2024, 1, 10))
    upload(patient, date(2024, 1, 5))
    current = upload(patient, date(2024, 7, 5), shift_mm=(3.0, 2.0))

    run_job(AnalysisJob.objects.get(current=current).pk)

    doctor = make_user(Role.DOCTOR, clinics=[patient.clinic])
    made = Recommendation.objects.get()
    told = Program(doctor).get(f"/recommendations/{made.pk}/").json()
    assert (told["status"], told["rules_version"]) == (RecommendationStatus.PROPOSED, RULES_VERSION)
    rules = {entry["rule"]: entry for entry in told["trace"]}
    assert [entry["rule"] for entry in told["trace"] if entry["decides"]] == [told["deciding_rule"]]
    assert all(entry["inputs"] and entry["rests_on"] for entry in rules.values())
    suspicion = rules["SUSPICION-1"]
    assert suspicion["inputs"]["threshold"] == asdict(THRESHOLDS)["suspicious"]
    assert (
        suspicion["inputs"]["suspicious_probability"]
        == told["current_prediction"]["suspicious_probability"]
    )
    assert suspicion["sources"] == {"current_prediction": told["current_prediction"]["id"]}
    assert rules["THERAPY-2"]["sources"] == {
        name: told[name]["id"] for name in ("current_prediction", "prior_prediction", "comparison")
    }
    assert told["record"]["cycles_planned"] == 8


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.RADIOGRAPHER, Role.ADMIN])
def test_D13_a_token_of_staff_is_answered_403(role):
    clinic = make_clinic()
    prior, current = make_pair(make_patient(clinic))
    proposal = make_recommendation(prior=prior, current=current)
    body = {"choice": proposal.proposal, "password": PASSWORD}

    staff, address = make_user(role, clinics=[clinic]), f"/recommendations/{proposal.pk}/decision/"

    assert_problem(Program(staff, browser=True).post(address, body), 403, "forbidden")
    assert Program(staff).post(address, body).status_code == 403
    assert not Decision.objects.exists()
