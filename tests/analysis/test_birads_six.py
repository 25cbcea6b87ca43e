"""BI-RADS 6 is what pathology says, never what a picture looks like."""

import pytest
from django.urls import reverse

from analysis.choices import Proposal
from analysis.guideline import ClinicalRecord, Evidence, ImageFinding, propose
from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_prediction, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import signed_in

pytestmark = pytest.mark.django_db

SIX = {"category": "6", "prediction_set": ["6"]}


def page_with(**record):
    clinic = make_clinic()
    current = make_mammogram(make_patient(clinic))
    found = make_recommendation(
        current=current, current_prediction=make_prediction(current, **SIX), record=record
    )
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    answer = signed_in(doctor).get(reverse("analysis:detail", args=[found.job_id]))
    return answer.content.decode()


def test_D8_a_six_of_the_model_without_pathology_says_what_is_missing():
    page = page_with(malignancy_proven=False)

    assert "Read it as 5 or 6: no malignant pathology of this breast is on record." in page
    assert "BI-RADS 6 by the record" not in page


def test_D8_proven_cancer_on_chemotherapy_is_six_and_no_new_finding():
    page = page_with(malignancy_proven=True, on_chemotherapy=True)

    assert "BI-RADS 6 by the record" in page
    assert "Read it as 5 or 6" not in page


@pytest.mark.parametrize("proven", [True, False])
def test_D8_suspicion_is_new_only_where_no_cancer_is_known(proven):
    looks_malignant = ImageFinding(
        assessable=True, reasons=(), category=5, suspicious_probability=0.97
    )
    record = ClinicalRecord(
        on_chemotherapy=True, cycles_given=4, cycles_planned=8, malignancy_proven=proven
    )

    outcome = propose(
        Evidence(current=looks_malignant, prior=looks_malignant, change=None, record=record)
    )

    fired = {entry["rule"] for entry in outcome.trace if entry["fired"]}
    assert ("SUSPICION-1" in fired) is not proven
    assert (outcome.proposal == Proposal.REFER) is not proven
