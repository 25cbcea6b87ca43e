"""Signing: by a doctor, who proves it, with a reason; two for an end; versions for a change."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.urls import reverse

from analysis.choices import Proposal, RecommendationStatus, SignatureMeaning
from analysis.evidence import digest
from analysis.models import Countersignature, Decision, Recommendation
from analysis.services.decisions import (
    AlreadySigned,
    NoSecondSignatureDue,
    NotSigned,
    ReasonRequired,
    SameSigner,
    amend_decision,
    countersign_decision,
    sign_decision,
)
from mammotrack.accounts.models import Role
from mammotrack.accounts.reauthentication import ReauthenticationRequired
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden, MammoTrackError, Rejected, StaleVersion
from mammotrack.middleware import status_of
from patients.errors import RecordArchived
from patients.models import Patient
from patients.services import archive_patient, kept_until
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_breast_prediction,
    make_decision,
    make_prediction,
    make_recommendation,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.web import signed_in

pytestmark = pytest.mark.django_db


def assert_unsigned() -> None:
    assert not Decision.objects.exists()
    assert not AuditEntry.objects.exists()
    assert Recommendation.objects.get().status == RecommendationStatus.PROPOSED


def test_override_with_a_reason_is_kept_beside_the_proposal():
    recommendation = make_recommendation(proposal=Proposal.CONTINUE_CHEMOTHERAPY)
    doctor = make_user(Role.DOCTOR)

    sign_decision(
        recommendation,
        choice=Proposal.REFER,
        reason=" New palpable lump. ",
        signed_by=doctor,
        password=PASSWORD,
    )

    decision = Decision.objects.get()
    assert (decision.choice, decision.follows_proposal, decision.reason, decision.signed_by_id) == (
        Proposal.REFER,
        False,
        "New palpable lump.",
        doctor.pk,
    )
    stored = Recommendation.objects.get()
    assert (stored.status, stored.proposal) == (
        RecommendationStatus.OVERRIDDEN,
        Proposal.CONTINUE_CHEMOTHERAPY,
    )
    assert AuditEntry.objects.get().action == Action.DECISION_SIGNED


def test_acceptance_needs_no_reason():
    recommendation = make_recommendation()

    sign_decision(
        recommendation,
        choice=recommendation.proposal,
        reason="",
        signed_by=make_user(Role.DOCTOR),
        password=PASSWORD,
    )

    assert Recommendation.objects.get().status == RecommendationStatus.ACCEPTED


def test_the_breast_as_a_whole_is_signed_as_it_stood_beside_the_proposal():
    recommendation = make_recommendation()
    breast = make_breast_prediction(recommendation.current.exam, category="4")

    decision = sign_decision(
        recommendation,
        choice=recommendation.proposal,
        reason="",
        signed_by=make_user(Role.DOCTOR),
        password=PASSWORD,
    )
    make_breast_prediction(recommendation.current.exam, category="2")

    stored = Decision.objects.get(pk=decision.pk).evidence["breast"]
    assert (stored["id"], stored["category"]) == (str(breast.pk), "4")


def test_D13_override_without_a_reason_is_refused():
    with pytest.raises(ReasonRequired):
        sign_decision(
            make_recommendation(),
            choice=Proposal.REFER,
            reason="   ",
            signed_by=make_user(Role.DOCTOR),
            password=PASSWORD,
        )
    assert_unsigned()


@pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.DOCTOR}))
def test_Z06_D13_only_a_doctor_signs(role):
    recommendation = make_recommendation()

    with pytest.raises(Forbidden):
        sign_decision(
            recommendation,
            choice=recommendation.proposal,
            reason="",
            signed_by=make_user(role),
            password=PASSWORD,
        )

    assert_unsigned()


def test_an_unknown_choice_is_refused():
    with pytest.raises(Rejected) as refusal:
        sign_decision(
            make_recommendation(),
            choice="surgery",
            reason="because of it",
            signed_by=make_user(Role.DOCTOR),
            password=PASSWORD,
        )
    assert refusal.value.problem_code == "invalid_choice"
    assert_unsigned()


def test_C05_of_many_signatures_at_once_one_counts():
    recommendation = make_recommendation()
    doctors = [make_user(Role.DOCTOR) for _ in range(6)]

    def sign(doctor) -> bool:
        try:
            sign_decision(
                recommendation,
                choice=recommendation.proposal,
                reason="",
                signed_by=doctor,
                password=PASSWORD,
            )
        except AlreadySigned:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        signed = list(pool.map(sign, doctors))

    assert signed.count(True) == 1
    assert Decision.objects.count() == 1
    assert AuditEntry.objects.count() == 1


def sign(recommendation, doctor, choice, reason="", password=PASSWORD):
    return sign_decision(
        recommendation, choice=choice, reason=reason, password=password, signed_by=doctor
    )


def at_once(*acts) -> list[object]:
    """Run them at the same time; what each returned or raised."""

    def run(act) -> object:
        try:
            return act()
        except MammoTrackError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def reread(recommendation: Recommendation) -> Recommendation:
    return Recommendation.objects.get(pk=recommendation.pk)


class TestReauthentication:
    def test_A16_a_wrong_password_signs_nothing(self):
        with pytest.raises(ReauthenticationRequired) as refusal:
            sign(make_recommendation(), make_user(Role.DOCTOR), Proposal.REFER, "Lump.", "wrong")

        assert refusal.value.problem_code == "reauth_required"
        assert_unsigned()

    def test_A16_the_password_is_on_no_record(self):
        sign(make_recommendation(), make_user(Role.DOCTOR), Proposal.REFER, "Palpable lump.")

        decision = Decision.objects.get()
        stored = json.dumps([decision.evidence, AuditEntry.objects.get().detail])
        assert PASSWORD not in stored + decision.reason


class TestSecondSignature:
    @pytest.fixture
    def shift(self):
        """A decision to end chemotherapy, signed by one doctor."""
        first = make_user(Role.DOCTOR)
        recommendation = make_recommendation(proposal=Proposal.SHIFT_TO_NORMAL_MEDICATION)
        sign(recommendation, first, Proposal.SHIFT_TO_NORMAL_MEDICATION)
        return reread(recommendation)

    def countersign(self, recommendation, doctor, seen=1):
        return countersign_decision(
            recommendation, password=PASSWORD, signatures_seen=seen, signed_by=doctor
        )

    def test_D13_ending_chemotherapy_takes_two_doctors(self, shift):
        assert shift.status == RecommendationStatus.AWAITING_SECOND
        second = make_user(Role.DOCTOR)

        self.countersign(shift, second)

        assert reread(shift).status == RecommendationStatus.ACCEPTED
        assert Countersignature.objects.get().signed_by_id == second.pk
        entry = AuditEntry.objects.get(action=Action.DECISION_COUNTERSIGNED)
        assert entry.detail["evidence_sha256"] == Decision.objects.get().evidence_sha256

    def test_D13_the_same_doctor_twice_is_refused(self, shift):
        first = Decision.objects.get().signed_by

        with pytest.raises(SameSigner):
            self.countersign(shift, first)

        assert reread(shift).status == RecommendationStatus.AWAITING_SECOND
        assert not Countersignature.objects.exists()

    @pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.DOCTOR}))
    def test_Z06_only_a_doctor_gives_it(self, shift, role):
        with pytest.raises(Forbidden):
            self.countersign(shift, make_user(role))

        assert not Countersignature.objects.exists()

    def test_it_is_not_given_where_none_is_due(self):
        recommendation = make_recommendation()
        sign(recommendation, make_user(Role.DOCTOR), recommendation.proposal)

        with pytest.raises(NoSecondSignatureDue):
            self.countersign(reread(recommendation), make_user(Role.DOCTOR))

    def test_C04_signing_against_amending_leaves_one_success(self, shift):
        second, third = make_user(Role.DOCTOR), make_user(Role.DOCTOR)

        outcomes = at_once(
            lambda: self.countersign(reread(shift), second),
            lambda: amend_decision(
                reread(shift),
                choice=Proposal.CONTINUE_CHEMOTHERAPY,
                reason="Two cycles are missing.",
                password=PASSWORD,
                signatures_seen=1,
                signed_by=third,
            ),
        )

        assert sorted(isinstance(each, StaleVersion) for each in outcomes) == [False, True]
        assert status_of(next(e for e in outcomes if isinstance(e, StaleVersion))) == 412
        assert reread(shift).signature_count == 2
        assert Countersignature.objects.count() + Decision.objects.count() == 2

    def test_an_amendment_that_ends_chemotherapy_needs_its_own(self, shift):
        self.countersign(shift, make_user(Role.DOCTOR))

        amend_decision(
            reread(shift),
            choice=Proposal.SHIFT_TO_NORMAL_MEDICATION,
            reason="From Monday on.",
            password=PASSWORD,
            signatures_seen=2,
            signed_by=make_user(Role.DOCTOR),
        )

        assert reread(shift).status == RecommendationStatus.AWAITING_SECOND


class TestAmendment:
    def amend(self, recommendation, seen, **changes):
        values = {"choice": Proposal.REFER, "reason": "The ultrasound shows a lump."} | changes
        doctor = changes.pop("signed_by", None) or make_user(Role.DOCTOR)
        return amend_decision(
            recommendation,
            **values | {"signed_by": doctor, "password": PASSWORD, "signatures_seen": seen},
        )

    def test_D14_it_is_a_new_version_and_the_first_stays(self):
        recommendation = make_decision().recommendation
        before = Decision.objects.values().get()

        self.amend(recommendation, 1)

        assert Decision.objects.filter(version=1).values().get() == before
        second = Decision.objects.get(version=2)
        assert (second.choice, second.meaning) == (Proposal.REFER, SignatureMeaning.AMENDED)
        assert reread(recommendation).status == RecommendationStatus.OVERRIDDEN
        assert AuditEntry.objects.get().action == Action.DECISION_AMENDED

    def test_D14_the_page_and_the_timeline_show_both_with_the_difference(self):
        clinic = make_clinic()
        prior, current = make_pair(make_patient(clinic))
        recommendation = make_recommendation(prior=prior, current=current)
        make_decision(recommendation)
        self.amend(recommendation, 1)
        client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))

        page = client.get(reverse("analysis:detail", args=[recommendation.job_id]))
        timeline = client.get(reverse("patients:detail", args=[recommendation.patient_id]))

        changes = page.context["versions"][0].changes
        assert ("Decision", "Continue chemotherapy", "Refer for further work-up") in [
            (change.label, change.before, change.after) for change in changes
        ]
        assert "<del>Continue chemotherapy</del>" in page.content.decode()
        shown = timeline.content.decode()
        assert "Version 2. Overrides the proposal." in shown
        assert "Follows the proposal." in shown

    def test_a_reason_is_always_due(self):
        recommendation = make_decision().recommendation

        with pytest.raises(ReasonRequired):
            self.amend(recommendation, 1, choice=recommendation.proposal, reason="")

        assert Decision.objects.count() == 1

    def test_what_is_unsigned_cannot_be_amended(self):
        with pytest.raises(NotSigned):
            self.amend(make_recommendation(), 0)

    def test_C05_of_many_amendments_at_once_one_counts(self):
        recommendation = make_decision().recommendation

        outcomes = at_once(*[lambda: self.amend(recommendation, 1)] * 5)

        assert sum(isinstance(each, Decision) for each in outcomes) == 1
        assert sum(isinstance(each, StaleVersion) for each in outcomes) == 4
        assert Decision.objects.count() == 2


class TestEvidence:
    def test_D15_a_decision_freezes_what_it_rests_on(self):
        recommendation = make_recommendation()

        sign(recommendation, make_user(Role.DOCTOR), recommendation.proposal)

        decision = Decision.objects.get()
        frozen = decision.evidence
        assert frozen["current"]["sha256"] == recommendation.current.sha256
        assert frozen["prior"]["sha256"] == recommendation.prior.sha256
        assert frozen["current"]["prediction"]["model_sha256"] == (
            recommendation.current_prediction.model_sha256
        )
        assert frozen["comparison"]["id"] == str(recommendation.comparison_id)
        assert frozen["comparison"]["ssim"] == 0.91
        assert frozen["record"] == recommendation.record
        assert frozen["rules_version"] == recommendation.rules_version
        assert decision.evidence_sha256 == digest(frozen)
        assert AuditEntry.objects.get().detail["evidence_sha256"] == decision.evidence_sha256

    def test_D15_any_change_of_the_evidence_shows(self):
        decision = make_decision()
        changed = decision.evidence | {"proposal": "refer"}

        assert digest(changed) != decision.evidence_sha256

    def test_D15_a_newer_analysis_leaves_the_signed_page_as_it_was(self):
        clinic = make_clinic()
        prior, current = make_pair(make_patient(clinic))
        recommendation = make_recommendation(prior=prior, current=current)
        make_decision(recommendation)
        newer = make_prediction(current, model_version="model-next", suspicious_probability=0.9)
        again = make_recommendation(
            prior=prior,
            current=current,
            current_prediction=newer,
            prior_prediction=recommendation.prior_prediction,
            comparison=recommendation.comparison,
        )

        client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))
        page = client.get(reverse("analysis:detail", args=[recommendation.job_id]))

        shown = page.content.decode()
        assert "model-test" in shown
        assert "model-next" not in shown
        assert "A newer analysis of these pictures exists." in shown
        assert reverse("analysis:detail", args=[again.job_id]) in shown


class TestArchivedRecord:
    @pytest.fixture
    def proposal(self):
        patient = make_patient()
        waiting = make_recommendation(
            current=make_mammogram(patient), proposal=Proposal.CONTINUE_CHEMOTHERAPY
        )
        archive_patient(
            patient,
            reason="Moved to another town.",
            archived_by=make_user(Role.DOCTOR, clinics=[patient.clinic]),
        )
        return waiting

    def test_A8_nothing_is_signed_in_it(self, proposal):
        doctor = make_user(Role.DOCTOR)

        with pytest.raises(RecordArchived):
            sign(proposal, doctor, Proposal.CONTINUE_CHEMOTHERAPY)

        assert not Decision.objects.exists()
        assert reread(proposal).signature_count == 0

    def test_A8_its_proposals_do_not_wait_on_the_worklist(self, proposal):
        clinic = proposal.patient.clinic
        doctor = make_user(Role.DOCTOR, clinics=[clinic])
        other = make_recommendation(current=make_mammogram(make_patient(clinic)))

        page = signed_in(doctor).get(reverse("worklist")).context["page"]

        assert [row.job_id for row in page.rows] == [other.job_id]

    def test_A8_its_page_says_why_it_offers_no_signature(self, proposal):
        doctor = make_user(Role.DOCTOR, clinics=[proposal.patient.clinic])

        page = signed_in(doctor).get(reverse("analysis:detail", args=[proposal.job_id]))

        text = page.content.decode()
        assert "It takes no entries." in text
        assert "Sign decision" not in text


def test_A8_the_record_is_kept_from_its_last_signature_on(settings):
    recommendation = make_recommendation()
    Patient.objects.update(last_entry_at=None, created_at=datetime(2015, 6, 1, tzinfo=UTC))

    sign(recommendation, make_user(Role.DOCTOR), recommendation.proposal)

    patient = Patient.objects.get(pk=recommendation.patient_id)
    signed_on = Decision.objects.get().signed_at.date()
    assert kept_until(patient) == signed_on.replace(year=signed_on.year + settings.RETENTION_YEARS)
