"""Masses in a doctor's words: as a service, over HTTP and as pages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection
from django.urls import reverse

from analysis import selectors
from analysis.models import Finding
from analysis.services import findings
from analysis.services.findings import NothingDescribed, StaleFinding, record_finding
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden, Rejected
from ml_models.attributes.descriptors import Density, Descriptors, Margin, Shape
from ml_models.attributes.model import AttributeModel
from ml_models.errors import ModelError
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.web import assert_status_by_role, assert_strict, signed_in

pytestmark = pytest.mark.django_db

SPICULATED = {
    "shape": "IRREGULAR",
    "margin": "SPICULATED",
    "density": "HIGH",
    "assessment": "5",
}
NOTHING = dict.fromkeys(SPICULATED, "")


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Ines Prado")


@pytest.fixture
def mammogram(clinic):
    patient = make_patient(clinic, birth_date=date(1953, 6, 2))
    return make_mammogram(patient, exam_date=date(2024, 6, 1))


def record(mammogram, doctor, *, lesion=1, supersedes=0, **words) -> Finding:
    return record_finding(
        mammogram,
        lesion=lesion,
        supersedes=supersedes,
        **(SPICULATED | words),
        recorded_by=doctor,
    )


class TestService:
    def test_words_and_what_the_model_makes_of_them_are_kept(self, mammogram, doctor):
        record(mammogram, doctor)

        stored = Finding.objects.get()
        expected = AttributeModel.load().estimate(
            Descriptors(70, Shape.IRREGULAR, Margin.SPICULATED, Density.HIGH, 5)
        )
        assert stored.age == 70  # the day before her birthday
        assert (stored.lesion, stored.revision, stored.shape) == (1, 1, "IRREGULAR")
        assert stored.malignancy_probability == pytest.approx(expected.probability)
        assert stored.probability_low < stored.malignancy_probability < stored.probability_high
        assert stored.uses_assessment
        assert (stored.model_version, stored.model_sha256, stored.not_estimated) == (
            expected.model_version,
            expected.model_sha256,
            "",
        )
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_id, entry.patient_id) == (
            Action.FINDING_RECORDED,
            doctor.pk,
            mammogram.patient_id,
        )

    @pytest.mark.parametrize("assessment", ["", "0"])
    def test_without_a_category_the_words_alone_speak(self, mammogram, doctor, assessment):
        finding = record(mammogram, doctor, assessment=assessment)
        assert not finding.uses_assessment
        assert 0 < finding.malignancy_probability < 1

    def test_proven_cancer_is_not_estimated(self, mammogram, doctor):
        finding = record(mammogram, doctor, assessment="6")
        assert (finding.malignancy_probability, finding.not_estimated) == (
            None,
            "malignancy_proven",
        )

    def test_men_are_not_estimated(self, clinic, doctor):
        finding = record(make_mammogram(make_patient(clinic, sex="M")), doctor)
        assert (finding.malignancy_probability, finding.not_estimated) == (
            None,
            "not_trained_on_men",
        )

    def test_the_words_are_kept_when_the_model_is_not_what_it_should_be(
        self, mammogram, doctor, monkeypatch
    ):
        def broken() -> AttributeModel:
            raise ModelError("Changed on disk.", code="hash_mismatch")

        monkeypatch.setattr(findings, "attribute_model", broken)
        finding = record(mammogram, doctor)
        assert (finding.malignancy_probability, finding.not_estimated) == (None, "hash_mismatch")

    def test_a_new_description_supersedes_and_keeps_the_old(self, mammogram, doctor):
        record(mammogram, doctor, margin="OBSCURED")
        record(mammogram, doctor, supersedes=1)
        record(mammogram, doctor, lesion=2, shape="ROUND")

        first, second = selectors.lesions_of(mammogram, user=doctor)
        assert (first.number, first.current.margin) == (1, "SPICULATED")
        assert [old.margin for old in first.superseded] == ["OBSCURED"]
        assert (second.number, second.current.shape, second.superseded) == (2, "ROUND", [])
        assert AuditEntry.objects.count() == 3

    @pytest.mark.parametrize("supersedes", [0, 2])
    def test_only_what_holds_now_can_be_superseded(self, mammogram, doctor, supersedes):
        record(mammogram, doctor)
        with pytest.raises(StaleFinding):
            record(mammogram, doctor, supersedes=supersedes)
        assert Finding.objects.count() == AuditEntry.objects.count() == 1

    def test_lesions_are_counted_without_gaps(self, mammogram, doctor):
        with pytest.raises(Rejected) as refusal:
            record(mammogram, doctor, lesion=2)
        assert refusal.value.problem_code == "invalid_lesion"

    def test_of_many_descriptions_at_once_one_counts(self, mammogram, clinic):
        doctors = [make_user(Role.DOCTOR, clinics=[clinic]) for _ in range(5)]

        def describe(doctor) -> bool:
            try:
                record(mammogram, doctor)
            except StaleFinding:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(5) as pool:
            told = list(pool.map(describe, doctors))

        assert told.count(True) == 1
        assert Finding.objects.count() == AuditEntry.objects.count() == 1

    def test_nothing_described_is_nothing(self, mammogram, doctor):
        with pytest.raises(NothingDescribed):
            record(mammogram, doctor, **NOTHING | {"assessment": "4"})
        assert not Finding.objects.exists()

    def test_an_unknown_word_is_refused(self, mammogram, doctor):
        with pytest.raises(Rejected) as refusal:
            record(mammogram, doctor, shape="HEXAGONAL")
        assert refusal.value.problem_code == "invalid_choice"

    @pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.DOCTOR}))
    def test_only_a_doctor_describes(self, mammogram, clinic, role):
        with pytest.raises(Forbidden):
            record(mammogram, make_user(role, clinics=[clinic]))
        assert not Finding.objects.exists()


class TestApi:
    def test_describe_and_read_back(self, mammogram, doctor):
        program = Program(doctor)
        body = {"mammogram": str(mammogram.pk), "lesion": 1, **SPICULATED}

        answer = program.post("/findings/", body)

        assert answer.status_code == 201
        told = answer.json()
        assert answer.headers["Location"] == f"/api/v1/findings/{told['id']}/"
        assert program.get(f"/findings/{told['id']}/").json() == told
        assert told["recorded_by"] == "Dr. Ines Prado"
        assert (told["lesion"], told["revision"], told["age"]) == (1, 1, 70)
        assert told["model_version"] == "attributes-1"
        assert 0.5 < told["malignancy_probability"] < 1
        listed = program.get("/findings/", data={"mammogram": str(mammogram.pk)}).json()
        assert [row["id"] for row in listed["results"]] == [told["id"]]

    def test_a_stale_revision_is_a_conflict(self, mammogram, doctor):
        record(mammogram, doctor)
        body = {"mammogram": str(mammogram.pk), "lesion": 1, **SPICULATED}
        assert_problem(Program(doctor).post("/findings/", body), 409, "stale_finding")

    @pytest.mark.parametrize(
        ("words", "status", "code"),
        [
            ({"shape": "HEXAGONAL"}, 400, "invalid"),
            ({"age": 40}, 400, "invalid"),
            ({"lesion": 0}, 400, "invalid"),
            (NOTHING, 422, "nothing_described"),
        ],
    )
    def test_bad_words(self, mammogram, doctor, words, status, code):
        body = {"mammogram": str(mammogram.pk), "lesion": 1, **SPICULATED, **words}
        assert_problem(Program(doctor).post("/findings/", body), status, code)
        assert not Finding.objects.exists()

    def test_another_clinics_records_do_not_exist(self, mammogram, doctor):
        finding = record(mammogram, doctor)
        stranger = Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))
        body = {"mammogram": str(mammogram.pk), "lesion": 2, **SPICULATED}

        assert_problem(stranger.post("/findings/", body), 404, "not_found")
        assert_problem(stranger.get(f"/findings/{finding.pk}/"), 404, "not_found")
        assert stranger.get("/findings/").json()["results"] == []
        assert Finding.objects.count() == 1

    def test_a_program_of_the_clinic_reads_and_does_not_describe(self, mammogram, clinic, doctor):
        record(mammogram, doctor)
        program = Program(make_user(Role.INTEGRATOR, clinics=[clinic]))
        body = {"mammogram": str(mammogram.pk), "lesion": 2, **SPICULATED}

        assert len(program.get("/findings/").json()["results"]) == 1
        assert_problem(program.post("/findings/", body), 403, "forbidden")


class TestPages:
    @pytest.fixture
    def analysis(self, clinic):
        prior, current = make_pair(make_patient(clinic))
        return make_recommendation(prior=prior, current=current)

    def describe_at(self, mammogram, lesion=1) -> str:
        return reverse("analysis:describe", args=[mammogram.pk, lesion])

    def test_the_form_opens_for_doctors(self, analysis, clinic):
        statuses = {
            Role.RECEPTIONIST: 403,
            Role.RADIOGRAPHER: 403,
            Role.DOCTOR: 200,
            Role.RESEARCHER: 403,
            Role.ADMIN: 403,
        }
        users = {role: make_user(role, clinics=[clinic]) for role in statuses}
        assert_status_by_role(self.describe_at(analysis.current), statuses, users)

    def test_describe_read_describe_anew(self, analysis, doctor):
        client = signed_in(doctor)
        page = reverse("analysis:detail", args=[analysis.job_id])
        assert "No mass is described in this picture." in client.get(page).content.decode()

        answer = client.post(self.describe_at(analysis.current), SPICULATED | {"supersedes": 0})
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{page}#findings")
        text = client.get(page).content.decode()
        assert "Spiculated" in text
        assert "attributes-1" in text
        assert "from the words" in text
        assert "from the pixels" in text

        form = client.get(self.describe_at(analysis.current))
        assert_strict(form)
        assert 'value="SPICULATED"' in form.content.decode()
        client.post(
            self.describe_at(analysis.current),
            SPICULATED | {"margin": "OBSCURED", "supersedes": 1},
        )
        text = client.get(page).content.decode()
        assert "Superseded descriptions: 1" in text
        assert "revision 2" in text
        assert_strict(client.get(page))

    def test_a_form_that_says_nothing_comes_back_with_the_reason(self, analysis, doctor):
        answer = signed_in(doctor).post(
            self.describe_at(analysis.current), NOTHING | {"supersedes": 0}
        )
        assert answer.status_code == 422
        assert "at least the shape" in answer.content.decode()

    def test_a_form_of_an_older_revision_is_a_conflict(self, analysis, doctor):
        record(analysis.current, doctor)
        answer = signed_in(doctor).post(
            self.describe_at(analysis.current), SPICULATED | {"supersedes": 0}
        )
        assert answer.status_code == 409
        assert Finding.objects.count() == 1

    def test_a_lesion_out_of_turn_does_not_exist(self, analysis, doctor):
        assert signed_in(doctor).get(self.describe_at(analysis.current, 2)).status_code == 404

    def test_another_clinics_picture_does_not_exist(self, doctor):
        foreign = make_mammogram()
        client = signed_in(doctor)
        answer = client.post(self.describe_at(foreign), SPICULATED | {"supersedes": 0})
        assert answer.status_code == 404
        assert not Finding.objects.exists()
