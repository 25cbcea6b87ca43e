"""Analyses, proposals and decisions over HTTP."""

import pytest

from analysis.choices import JobState, Proposal, RecommendationStatus
from analysis.models import AnalysisJob, Decision, LesionMark
from mammotrack.accounts.models import Role
from tests.api import Program, assert_problem
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_comparison,
    make_decision,
    make_job,
    make_mark,
    make_recommendation,
    measured_lesion,
)
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
    """At a browser: no key signs."""
    return Program(person, browser=True)


@pytest.fixture
def stranger():
    """A doctor of another clinic."""
    return Program(make_user(Role.DOCTOR, clinics=[make_clinic()]), browser=True)


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
            "mark": None,
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

    def test_Z10_one_foreign_picture_of_the_two_is_enough_to_find_nothing(self, clinic, doctor):
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
        self, clinic, person, proposal, django_assert_num_queries
    ):
        program = Program(person)
        program.get("/clinics/")  # notes that the token is in use
        for _ in range(3):
            prior, current = make_pair(make_patient(clinic))
            make_decision(make_recommendation(prior=prior, current=current))

        def count(path: str) -> int:
            with django_assert_num_queries(2):  # token with user and clinics, page
                return len(program.get(path).json()["results"])

        patient, picture = proposal.patient_id, proposal.current_id
        assert count("/analyses/") == 4
        assert count(f"/analyses/?patient={patient}") == 1
        assert count("/predictions/") == 8
        assert count(f"/predictions/?mammogram={picture}") == 1
        assert count("/lesion-marks/") == 0
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


class TestLesionMarks:
    DISC = {"x": 400.5, "y": 500, "radius": 80}

    def test_marking_requests_the_analysis_at_the_mark(self, clinic, doctor, hints):
        prior, current = make_pair(make_patient(clinic))

        answer = doctor.post("/lesion-marks/", {"mammogram": str(prior.pk), **self.DISC})

        assert answer.status_code == 201
        mark = LesionMark.objects.get()
        assert answer.headers["Location"] == f"/api/v1/lesion-marks/{mark.pk}/"
        document = answer.json()
        assert {name: document[name] for name in document if name != "created_at"} == {
            "id": str(mark.pk),
            "patient": str(prior.patient_id),
            "mammogram": str(prior.pk),
            "x": 400.5,
            "y": 500.0,
            "radius": 80.0,
            "is_new": False,
            "supersedes": None,
            "marked_by": "Dr. Ines Prado",
        }
        assert doctor.client.get(answer.headers["Location"]).json() == document
        make_job(current)
        (job,) = doctor.get(f"/analyses/?mark={mark.pk}").json()["results"]
        assert (job["current"], job["prior"], job["mark"]) == (
            str(current.pk),
            str(prior.pk),
            str(mark.pk),
        )
        assert hints == [job["id"]]

    def test_an_analysis_at_a_mark_can_be_requested(self, clinic, doctor, hints):
        prior, current = make_pair(make_patient(clinic))
        mark = make_mark(prior)
        pair = {"current": str(current.pk), "prior": str(prior.pk)}

        answer = doctor.post("/analyses/", {**pair, "mark": str(mark.pk)})

        assert (answer.status_code, answer.json()["mark"]) == (202, str(mark.pk))
        alone = {"current": str(current.pk), "mark": str(mark.pk)}
        assert_problem(doctor.post("/analyses/", alone), 422, "mark_of_another_picture")

    def test_replacing(self, clinic, doctor, hints):
        prior, _ = make_pair(make_patient(clinic))
        old = make_mark(prior)
        body = {"mammogram": str(prior.pk), **self.DISC, "supersedes": str(old.pk)}

        assert doctor.post("/lesion-marks/", body).json()["supersedes"] == str(old.pk)
        assert_problem(doctor.post("/lesion-marks/", body), 409, "already_superseded")
        assert_problem(
            doctor.patch(f"/lesion-marks/{old.pk}/", {"x": 1}), 405, "method_not_allowed"
        )

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"x": 4000}, 422, "mark_outside_picture"),
            ({"radius": 2}, 422, "mark_radius_out_of_range"),
            ({"is_new": True}, 422, "no_earlier_picture"),
            ({"radius": None}, 400, "invalid"),
            ({"x": "NaN"}, 400, "invalid"),
            ({"colour": "red"}, 400, "invalid"),
        ],
    )
    def test_what_is_no_mark(self, clinic, doctor, hints, change, status, code):
        prior, _ = make_pair(make_patient(clinic))

        answer = doctor.post("/lesion-marks/", {"mammogram": str(prior.pk), **self.DISC} | change)

        assert_problem(answer, status, code)
        assert not LesionMark.objects.exists()
        assert hints == []

    def test_another_clinics_pictures_and_marks_do_not_exist(self, clinic, doctor, stranger, hints):
        prior, current = make_pair(make_patient(clinic))
        mark = make_mark(prior)
        foreign_prior, _ = make_pair()
        foreign = make_mark(foreign_prior)

        for program, body in (
            (stranger, {"mammogram": str(prior.pk)}),
            (doctor, {"mammogram": str(prior.pk), "supersedes": str(foreign.pk)}),
        ):
            assert_problem(program.post("/lesion-marks/", self.DISC | body), 404, "not_found")
        assert stranger.get("/lesion-marks/").json()["results"] == []
        assert_problem(stranger.get(f"/lesion-marks/{mark.pk}/"), 404, "not_found")
        pair = {"current": str(current.pk), "prior": str(prior.pk), "mark": str(foreign.pk)}
        assert_problem(doctor.post("/analyses/", pair), 404, "not_found")
        assert LesionMark.objects.count() == 2
        assert hints == []

    @pytest.mark.parametrize("role", [Role.RADIOGRAPHER, Role.INTEGRATOR])
    def test_only_doctors_mark(self, clinic, role):
        prior, _ = make_pair(make_patient(clinic))
        program = Program(make_user(role, clinics=[clinic]), browser=True)

        answer = program.post("/lesion-marks/", {"mammogram": str(prior.pk), **self.DISC})

        assert_problem(answer, 403, "forbidden")
        assert not LesionMark.objects.exists()

    def test_a_comparison_shows_what_was_measured_at_the_mark(self, clinic, doctor):
        prior, current = make_pair(make_patient(clinic))
        place = {"x": 10.0, "y": 20.0, "radius": 30.0, "gain": True, "probability": 0.4}
        comparison = make_comparison(
            prior=prior,
            current=current,
            mark=make_mark(prior),
            change_probability_low=0.6,
            change_probability_high=0.98,
            change_threshold=0.74,
            lesion=measured_lesion(),
            attention=[place],
        )

        document = doctor.get(f"/comparisons/{comparison.pk}/").json()

        assert document["mark"] == str(comparison.mark_id)
        assert document["lesion"] == measured_lesion()
        assert document["attention"] == [place]
        assert (document["change_probability_low"], document["change_threshold"]) == (0.6, 0.74)


class TestDecision:
    def sign(self, program: Program, proposal, **body):
        return program.post(
            f"/recommendations/{proposal.pk}/decision/",
            {"password": PASSWORD} | body,
            headers={"If-Match": '"0"'},
        )

    @pytest.mark.parametrize(
        ("sent", "status", "code"),
        [
            ({}, 428, "precondition_required"),
            ({"If-Match": '"1"'}, 412, "stale_version"),
            ({"If-Match": '"x"'}, 412, "stale_version"),
        ],
    )
    def test_P03_signing_says_what_was_seen(self, doctor, proposal, sent, status, code):
        body = {"choice": "continue_chemotherapy", "password": PASSWORD}

        answer = doctor.post(f"/recommendations/{proposal.pk}/decision/", body, headers=sent)

        assert_problem(answer, status, code)
        assert not Decision.objects.exists()

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

    def test_C05_signing_twice_is_a_conflict(self, doctor, proposal):
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
    def test_Z06_only_doctors_sign(self, clinic, proposal, role):
        program = Program(make_user(role, clinics=[clinic]), browser=True)

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
        other = make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Olga Brandt")
        second = Program(other, browser=True)
        path, seen = f"/recommendations/{proposal.pk}/countersignature/", {"If-Match": '"1"'}

        own = doctor.post(path, {"password": PASSWORD}, headers=seen)
        given = second.post(path, {"password": PASSWORD}, headers=seen)

        assert_problem(own, 409, "same_signer")
        assert given.status_code == 201
        assert given.json()["countersignature"]["signed_by"] == "Dr. Olga Brandt"
        proposal.refresh_from_db()
        assert proposal.status == RecommendationStatus.OVERRIDDEN
