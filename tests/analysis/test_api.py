"""Analyses, proposals and decisions over HTTP."""

import pytest

from analysis.choices import JobState, Proposal, RecommendationStatus
from analysis.models import AnalysisJob, Decision
from mammotrack.accounts.models import Role
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import make_decision, make_job, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def person(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Ines Prado")


@pytest.fixture
def doctor(person):
    return Program(person)


@pytest.fixture
def stranger():
    """A doctor of another clinic."""
    return Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))


@pytest.fixture
def proposal(clinic):
    prior, current = make_pair(make_patient(clinic))
    return make_recommendation(prior=prior, current=current)


class TestRequest:
    def test_pair_is_accepted_and_can_be_followed(self, clinic, doctor, hints):
        prior, current = make_pair(make_patient(clinic))

        answer = doctor.post("/analyses/", {"current": str(current.pk), "prior": str(prior.pk)})

        assert answer.status_code == 202
        job = AnalysisJob.objects.get()
        assert answer.headers["Location"] == f"/api/v1/analyses/{job.pk}/"
        assert hints == [str(job.pk)]
        state = doctor.client.get(answer.headers["Location"]).json()
        assert state == answer.json()
        assert {name: state[name] for name in state if name not in {"created_at", "id"}} == {
            "patient": str(current.patient_id),
            "current": str(current.pk),
            "prior": str(prior.pk),
            "state": "QUEUED",
            "attempt": 0,
            "error_code": "",
            "recommendation": None,
            "finished_at": None,
        }

    def test_same_request_twice_is_the_same_job(self, clinic, doctor, hints):
        prior, current = make_pair(make_patient(clinic))
        body = {"current": str(current.pk), "prior": str(prior.pk)}

        first, second = doctor.post("/analyses/", body), doctor.post("/analyses/", body)

        assert first.json() == second.json()
        assert AnalysisJob.objects.count() == 1

    def test_picture_alone(self, clinic, doctor, hints):
        _, current = make_pair(make_patient(clinic))

        answer = doctor.post("/analyses/", {"current": str(current.pk)})

        assert (answer.status_code, answer.json()["prior"]) == (202, None)

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"laterality": "R"}, "laterality_mismatch"),
            ({"view": "MLO"}, "view_mismatch"),
        ],
    )
    def test_pictures_that_do_not_compare(self, clinic, doctor, hints, fields, code):
        prior, current = make_pair(patient := make_patient(clinic))
        other = make_mammogram(patient, exam_date=prior.exam_date, **fields)

        answer = doctor.post("/analyses/", {"current": str(current.pk), "prior": str(other.pk)})

        assert_problem(answer, 422, code)
        turned = {"current": str(prior.pk), "prior": str(current.pk)}
        assert_problem(doctor.post("/analyses/", turned), 422, "date_order")
        assert not AnalysisJob.objects.exists()
        assert hints == []

    def test_one_foreign_picture_of_the_two_is_enough_to_find_nothing(self, clinic, doctor):
        prior, current = make_pair(make_patient(clinic))
        foreign, _ = make_pair()

        for body in (
            {"current": str(foreign.pk), "prior": str(prior.pk)},
            {"current": str(current.pk), "prior": str(foreign.pk)},
        ):
            assert_problem(doctor.post("/analyses/", body), 404, "not_found")
        assert not AnalysisJob.objects.exists()


class TestReading:
    def test_finished_and_failed_jobs_say_so(self, clinic, doctor, proposal):
        failed = make_job(
            make_mammogram(make_patient(clinic)), state=JobState.FAILED, error_code="gave_up"
        )

        done = doctor.get(f"/analyses/{proposal.job_id}/").json()
        assert done["state"] == "DONE"
        assert done["recommendation"] == f"/api/v1/recommendations/{proposal.pk}/"
        assert doctor.client.get(done["recommendation"]).status_code == 200
        assert doctor.get(f"/analyses/{failed.pk}/").json()["error_code"] == "gave_up"
        only = doctor.get("/analyses/?state=FAILED").json()["results"]
        assert [row["id"] for row in only] == [str(failed.pk)]
        assert len(doctor.get("/analyses/").json()["results"]) == 2

    def test_recommendation_shows_its_evidence_and_rules(self, doctor, proposal):
        document = doctor.get(f"/recommendations/{proposal.pk}/").json()

        assert document["proposal"] == "continue_chemotherapy"
        assert document["status"] == "PROPOSED"
        assert document["rules_version"] == proposal.rules_version
        assert document["trace"] == proposal.trace
        assert document["record"] == proposal.record
        prediction = document["current_prediction"]
        assert prediction["model_version"] == "model-test"
        assert prediction["probabilities"] == proposal.current_prediction.probabilities
        assert document["comparison"]["algorithm_version"] == "ssim-test"
        assert document["comparison"]["ssim"] == 0.91
        stored = doctor.get(f"/predictions/{prediction['id']}/").json()
        assert stored == prediction
        comparison = doctor.get(f"/comparisons/{document['comparison']['id']}/").json()
        assert comparison == document["comparison"]

    def test_picture_alone_has_no_prior_and_no_comparison(self, clinic, doctor):
        alone = make_recommendation(current=make_mammogram(make_patient(clinic)))

        document = doctor.get(f"/recommendations/{alone.pk}/").json()

        assert (document["prior_prediction"], document["comparison"]) == (None, None)

    def test_lists_filter_and_do_not_ask_once_a_row(
        self, clinic, doctor, proposal, django_assert_num_queries
    ):
        for _ in range(3):
            prior, current = make_pair(make_patient(clinic))
            make_decision(make_recommendation(prior=prior, current=current))

        def count(path: str) -> int:
            with django_assert_num_queries(3):  # token with user, clinics, page
                return len(doctor.get(path).json()["results"])

        patient, picture = proposal.patient_id, proposal.current_id
        assert count("/analyses/") == 4
        assert count(f"/analyses/?patient={patient}") == 1
        assert count("/predictions/") == 8
        assert count(f"/predictions/?mammogram={picture}") == 1
        assert count("/comparisons/") == 4
        assert count(f"/comparisons/?patient={patient}") == 1
        assert count("/recommendations/") == 4
        assert count("/recommendations/?status=PROPOSED") == 1
        assert count("/recommendations/?status=ACCEPTED") == 3
        assert count("/decisions/") == 3
        assert count(f"/decisions/?patient={patient}") == 0

    def test_another_clinics_rows_are_absent(self, proposal, stranger):
        decision = make_decision(proposal)

        for kind, key in (
            ("analyses", proposal.job_id),
            ("predictions", proposal.current_prediction_id),
            ("comparisons", proposal.comparison_id),
            ("recommendations", proposal.pk),
            ("decisions", decision.pk),
        ):
            assert stranger.get(f"/{kind}/").json()["results"] == []
            assert_problem(stranger.get(f"/{kind}/{key}/"), 404, "not_found")

    @pytest.mark.parametrize("kind", ["predictions", "comparisons", "decisions"])
    def test_what_the_machine_found_is_read_only(self, doctor, kind):
        assert_problem(doctor.post(f"/{kind}/", {}), 405, "method_not_allowed")


class TestDecision:
    def sign(self, program: Program, proposal, **body):
        return program.post(
            f"/recommendations/{proposal.pk}/decision/", {"password": PASSWORD} | body
        )

    def test_accepting(self, doctor, proposal):
        answer = self.sign(doctor, proposal, choice="continue_chemotherapy")

        assert answer.status_code == 201
        decision = Decision.objects.get()
        assert answer.headers["Location"] == f"/api/v1/decisions/{decision.pk}/"
        document = answer.json()
        assert document["recommendation"] == str(proposal.pk)
        assert document["choice"] == "continue_chemotherapy"
        assert document["follows_proposal"] is True
        assert document["signed_by"] == "Dr. Ines Prado"
        assert doctor.client.get(answer.headers["Location"]).json() == document
        proposal.refresh_from_db()
        assert proposal.status == RecommendationStatus.ACCEPTED

    def test_overriding_needs_a_reason(self, doctor, proposal):
        bare = self.sign(doctor, proposal, choice="refer")
        assert_problem(bare, 422, "reason_required")
        assert not Decision.objects.exists()

        answer = self.sign(doctor, proposal, choice="refer", reason="New lump on palpation.")

        assert answer.status_code == 201
        decision = Decision.objects.get()
        assert (decision.choice, decision.follows_proposal) == (Proposal.REFER, False)
        proposal.refresh_from_db()
        assert proposal.status == RecommendationStatus.OVERRIDDEN

    def test_once(self, doctor, proposal):
        self.sign(doctor, proposal, choice="continue_chemotherapy")

        again = self.sign(doctor, proposal, choice="refer", reason="On second thoughts.")

        assert_problem(again, 409, "already_signed")
        assert Decision.objects.get().choice == Proposal.CONTINUE_CHEMOTHERAPY

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"choice": "stop"},
            {"choice": "refer", "reason": "x" * 2001},
            {"choice": "refer", "signed_by": "somebody"},
            {"choice": "refer", "status": "ACCEPTED"},
        ],
    )
    def test_out_of_shape(self, doctor, proposal, body):
        assert_problem(self.sign(doctor, proposal, **body), 400, "invalid")

        assert not Decision.objects.exists()

    def test_another_clinics_doctor_finds_nothing_to_sign(self, proposal, stranger):
        assert_problem(self.sign(stranger, proposal, choice="refer"), 404, "not_found")

        assert not Decision.objects.exists()

    @pytest.mark.parametrize("role", [Role.RADIOGRAPHER, Role.INTEGRATOR])
    def test_only_doctors_sign(self, clinic, proposal, role):
        program = Program(make_user(role, clinics=[clinic]))

        answer = self.sign(program, proposal, choice="continue_chemotherapy")

        assert_problem(answer, 403, "forbidden")
        assert not Decision.objects.exists()

    def test_A16_the_password_must_be_the_signers_own(self, doctor, proposal):
        answer = self.sign(doctor, proposal, choice="continue_chemotherapy", password="wrong")

        assert_problem(answer, 403, "reauth_required")
        assert not Decision.objects.exists()

    def test_D14_a_signed_decision_cannot_be_patched(self, doctor, proposal):
        decision = make_decision(proposal)

        answer = doctor.patch(f"/decisions/{decision.pk}/", {"choice": "refer"})

        assert_problem(answer, 409, "signed_is_final")
        assert Decision.objects.get().choice == Proposal.CONTINUE_CHEMOTHERAPY

    def test_D14_an_amendment_says_what_it_saw(self, doctor, proposal):
        make_decision(proposal)
        path = f"/recommendations/{proposal.pk}/amendment/"
        body = {"choice": "refer", "reason": "New lump on palpation.", "password": PASSWORD}
        etag = doctor.get(f"/recommendations/{proposal.pk}/").headers["ETag"]

        blind = doctor.post(path, body)
        first = doctor.post(path, body, headers={"If-Match": etag})
        late = doctor.post(path, body, headers={"If-Match": etag})

        assert_problem(blind, 428, "precondition_required")
        assert (first.status_code, first.json()["version"]) == (201, 2)
        assert_problem(late, 412, "stale_version")
        assert Decision.objects.count() == 2

    def test_D13_a_second_doctor_ends_chemotherapy(self, clinic, doctor, proposal):
        self.sign(doctor, proposal, choice="shift_to_normal_medication", reason="As agreed.")
        second = Program(make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Olga Brandt"))
        path, seen = f"/recommendations/{proposal.pk}/countersignature/", {"If-Match": '"1"'}

        own = doctor.post(path, {"password": PASSWORD}, headers=seen)
        given = second.post(path, {"password": PASSWORD}, headers=seen)

        assert_problem(own, 409, "same_signer")
        assert given.status_code == 201
        assert given.json()["countersignature"]["signed_by"] == "Dr. Olga Brandt"
        proposal.refresh_from_db()
        assert proposal.status == RecommendationStatus.OVERRIDDEN
