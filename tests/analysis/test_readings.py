"""Doctors read before the computer, and before each other; then both are held side by side."""

from datetime import timedelta

import pytest
from django.urls import reverse

from analysis.agreement import agreements
from analysis.fhir.sources import KINDS
from analysis.models import Finding, Reading, Recommendation, SimilarCases
from analysis.services.readings import AlreadyRead, NotReadBlind, record_reading
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden, Rejected, StaleVersion
from mammotrack.models import now
from patients.services import archive_patient
from scans.models import Mammogram
from tests.api import Program, assert_problem
from tests.audit import reads
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_comparison,
    make_decision,
    make_mark,
    make_prediction,
    make_reading,
    make_recommendation,
    make_similar_cases,
    measured_lesion,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_exam, make_mammogram, make_pair
from tests.test_access import ABOUT_RECORDS, METHODS, path_of
from tests.web import assert_strict, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

# What the computer, and the doctor who read first, said: found on no page by accident.
SAID = {
    "probability": 0.3172,
    "in percent": "32 %",
    "suspicion": 0.6381,
    "suspicion in percent": "64 %",
    "ssim": 0.8713,
    "change": 0.4457,
    "change in percent": "45 %",
    "millimetres": 37.25,
    "proposal": "not_assessable",
    "proposal in words": "Not assessable",
    "verdict": "changed_direction_unclear",
    "distance": 0.412,
    "first reader": "Zebediah Quist",
    "reason": "Quivering opacity.",
}


@pytest.fixture
def clinic():
    clinic = make_clinic()
    clinic.blind_reading_since = now() - timedelta(days=1)
    clinic.save()
    return clinic


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


def spoken_case(clinic) -> Recommendation:
    """A pair of which the computer and a first reader said all there is to say."""
    prior, current = make_pair(make_patient(clinic))
    first = make_user(Role.DOCTOR, clinics=[clinic], full_name=str(SAID["first reader"]))
    probabilities = {"2": 0.3172, "3": 0.0628, "4": 0.31, "5": 0.3, "6": 0.01}
    said = {"probabilities": probabilities, "suspicious_probability": SAID["suspicion"]}
    recommendation = make_recommendation(
        prior=prior,
        current=current,
        current_prediction=make_prediction(current, **said),
        prior_prediction=make_prediction(prior, **said),
        proposal=SAID["proposal"],
        comparison=make_comparison(
            prior=prior,
            current=current,
            ssim=SAID["ssim"],
            change_probability=SAID["change"],
            verdict=SAID["verdict"],
            lesion=measured_lesion(float(str(SAID["millimetres"]))),
        ),
    )
    make_reading(current, reader=first, category="5")
    make_mark(current, marked_by=first)
    make_similar_cases(current)
    make_decision(recommendation, signed_by=first, reason=str(SAID["reason"]))
    Finding.objects.create(
        clinic=clinic,
        patient=current.patient,
        mammogram=current,
        lesion=1,
        revision=1,
        shape="OVAL",
        age=53,
        malignancy_probability=SAID["suspicion"],
        recorded_by=first,
    )
    return recommendation


def keys_of(recommendation: Recommendation) -> dict:
    """What stands in the addresses about this case."""
    current = recommendation.current
    decision = recommendation.decisions.get()
    return {
        "patient_id": current.patient_id,
        "mammogram_id": current.pk,
        "exam_id": current.exam_id,
        "job_id": recommendation.job_id,
        "prior_id": recommendation.prior_id,
        "recommendation_id": recommendation.pk,
        "study": current.exam.study_instance_uid,
        "series": current.series_uid,
        "instance": current.sop_instance_uid,
        "number": "1",
        "kind": "Observation",
        "key": str(recommendation.current_prediction_id),
        "token": "of-another-user",
        "laterality": "L",
        "lesion": 1,
        "name": "current",
        "which": "current",
        "api:patient": current.patient_id,
        "api:exam": current.exam_id,
        "api:exam-result": current.exam_id,
        "api:mammogram": current.pk,
        "api:analysis": recommendation.job_id,
        "api:prediction": recommendation.current_prediction_id,
        "api:comparison": recommendation.comparison_id,
        "api:recommendation": recommendation.pk,
        "api:decision": decision.pk,
        "api:finding": Finding.objects.get(mammogram=current).pk,
        "api:lesion-mark": current.lesion_marks.get().pk,
        "api:reading": Reading.objects.get(exam=current.exam_id, category="5").pk,
        "api:similar-cases": SimilarCases.objects.get(mammogram=current).pk,
    }


def answers(client, keys) -> dict[str, str]:
    """Every address of this case, asked by every method, with what it answers."""
    found = {}
    for name in ABOUT_RECORDS:
        try:
            path = path_of(name, keys)
        except KeyError:
            continue  # about therapy, pathology, consent or merges: of no picture
        for method in METHODS:
            answer = getattr(client, method)(path)
            text = b"".join(answer) if answer.streaming else answer.content
            found[f"{method} {name}"] = text.decode(errors="replace")
    for kind in KINDS:
        answer = client.get(f"/fhir/R4/{kind}", {"patient": str(keys["patient_id"])})
        found[f"search {kind}"] = answer.content.decode()
    return found


def spoken_in(text: str) -> list[str]:
    return [what for what, said in SAID.items() if str(said) in text]


def read(exam, reader, **categories):
    pictures = list(Mammogram.objects.filter(exam=exam).values_list("pk", flat=True))
    return record_reading(exam, categories=categories, pictures=pictures, reader=reader)


def test_D16_before_the_own_reading_no_address_says_what_was_found(clinic, doctor):
    case = spoken_case(clinic)
    keys = keys_of(case)

    hidden = answers(signed_in(doctor), keys)

    assert len(hidden) > 150
    assert {name: spoken for name, text in hidden.items() if (spoken := spoken_in(text))} == {}


def test_D16_after_the_own_reading_they_say_it(clinic, doctor):
    """The same walk: what it did not find was there to be found."""
    case = spoken_case(clinic)
    read(case.current.exam, doctor, L="2")

    shown = answers(signed_in(doctor), keys_of(case))

    spoken = {name: spoken_in(text) for name, text in shown.items()}
    assert set().union(*spoken.values()) >= set(SAID)
    for name in ("recommendation-detail", "prediction-list", "comparison-list", "decision-list"):
        assert spoken[f"get api:{name}"], name
    assert "first reader" in spoken["get api:reading-list"]
    assert "first reader" in spoken["get analysis:reading"]
    assert "probability" in spoken["get api:recommendation-detail"]
    assert "probability" in spoken["search Observation"]


def test_D16_the_second_reader_cannot_fetch_the_first_reading(clinic, doctor):
    case = spoken_case(clinic)
    first = Reading.objects.get()
    program = Program(doctor)
    address = f"/readings/{first.pk}/"

    assert program.get(address).status_code == 404
    assert program.get("/readings/").json()["results"] == []

    body = {"exam": str(case.current.exam_id), "pictures": [str(case.current_id)], "left": "3"}
    made = program.post("/readings/", body)

    assert made.status_code == 201, made.content
    (own,) = made.json()["results"]
    assert (own["category"], own["reader"]) == ("3", doctor.full_name)
    assert str(case.current_id) in own["pictures"]
    assert program.get(address).json()["category"] == "5"


def test_D16_nobody_signs_or_describes_before_reading(clinic, doctor):
    case = spoken_case(clinic)
    program = Program(doctor, browser=True)
    body = {"choice": "refer", "reason": "A new lump.", "password": PASSWORD}

    signed = program.post(f"/recommendations/{case.pk}/decision/", body)
    described = program.post(
        "/findings/", {"mammogram": str(case.current_id), "lesion": 2, "shape": "OVAL"}
    )
    page = signed_in(doctor).get(reverse("analysis:detail", args=[case.job_id]))

    assert_problem(signed, 403, "reading_due")
    assert_problem(described, 403, "reading_due")
    assert page["Location"] == reverse("analysis:reading", args=[case.current.exam_id])


def test_D16_a_reading_is_the_persons_and_never_the_computers(clinic, doctor):
    """Nothing is chosen beforehand, and what is stored is what was sent."""
    case = spoken_case(clinic)
    client = signed_in(doctor)
    address = reverse("analysis:reading", args=[case.current.exam_id])
    page = client.get(address)
    assert_strict(page)
    assert " checked" not in page.content.decode()

    empty = client.post(address, {"pictures": case.current_id.hex})
    assert empty.status_code == 422
    assert Reading.objects.filter(reader=doctor).count() == 0

    client.post(address, {"pictures": case.current_id.hex, "L": "4"})

    own = Reading.objects.get(reader=doctor)
    assert (own.category, own.laterality, own.revision) == ("4", "L", 1)
    assert set(own.pictures) == {case.current_id.hex, case.prior_id.hex}
    entry = AuditEntry.objects.get(action=Action.READING_RECORDED)
    assert (entry.actor_id, entry.object_id, entry.detail["category"]) == (doctor.pk, own.pk, "4")
    assert case.current_prediction.category != own.category


def test_D16_each_breast_is_read_and_every_picture_was_seen(clinic, doctor):
    exam = make_exam(make_patient(clinic))
    left, right = (make_mammogram(exam=exam, laterality=side) for side in "LR")
    seen = {"pictures": [left.pk, right.pk], "reader": doctor}

    with pytest.raises(Rejected):
        record_reading(exam, categories={"L": "2"}, **seen)
    with pytest.raises(Rejected):
        record_reading(exam, categories={"L": "2", "R": "7"}, **seen)
    with pytest.raises(StaleVersion):
        record_reading(exam, categories={"L": "2"}, pictures=[left.pk], reader=doctor)
    assert not Reading.objects.exists()

    assert len(record_reading(exam, categories={"L": "2", "R": "4"}, **seen)) == 2
    with pytest.raises(AlreadyRead):
        record_reading(exam, categories={"L": "3", "R": "3"}, **seen)


def test_D16_a_picture_that_arrives_later_is_hidden_until_it_is_read(clinic, doctor):
    exam = make_exam(make_patient(clinic))
    make_mammogram(exam=exam)
    read(exam, doctor, L="2")
    late = make_mammogram(exam=exam, view="MLO")
    prediction = make_prediction(late)
    address = f"/predictions/{prediction.pk}/"
    assert Program(doctor).get(address).status_code == 404

    (again,) = read(exam, doctor, L="4")

    assert again.revision == 2
    assert Program(doctor).get(address).status_code == 200


def test_D16_it_is_the_clinics_choice(doctor):
    """Elsewhere, and about what was found before, doctors see the computer at once."""
    elsewhere = make_clinic()
    prior, current = make_pair(make_patient(elsewhere))
    case = make_recommendation(prior=prior, current=current)
    other = make_user(Role.DOCTOR, clinics=[elsewhere])
    address = f"/recommendations/{case.pk}/"
    assert Program(other).get(address).status_code == 200
    with pytest.raises(NotReadBlind):
        read(case.current.exam, other, L="2")

    elsewhere.blind_reading_since = now() + timedelta(seconds=1)
    elsewhere.save()
    assert Program(other).get(address).status_code == 200

    elsewhere.blind_reading_since = case.created_at
    elsewhere.save()
    assert_problem(Program(other).get(address), 403, "reading_due")


def test_D16_two_that_differ_are_settled_by_a_third(clinic, doctor):
    case = spoken_case(clinic)
    exam = case.current.exam
    third = make_user(Role.DOCTOR, clinics=[clinic])
    body = {"exam": str(exam.pk), "laterality": "L", "category": "4", "reason": "Spiculated."}

    def settle(user, **fields):
        return Program(user).post("/arbitrations/", body | fields)

    assert_problem(settle(third), 403, "reading_due")
    read(exam, doctor, L="3")
    read(exam, third, L="4")
    assert_problem(settle(doctor), 409, "own_reading")
    assert_problem(settle(third, reason="no"), 422, "reason_required")
    page = signed_in(third).get(reverse("analysis:reading", args=[exam.pk]))
    assert_strict(page)
    assert "differ" in page.content.decode()

    assert settle(third).status_code == 201
    assert_problem(settle(third), 409, "nothing_to_arbitrate")
    assert AuditEntry.objects.filter(action=Action.READING_ARBITRATED).count() == 1
    assert (
        "Spiculated."
        in signed_in(doctor).get(reverse("analysis:reading", args=[exam.pk])).content.decode()
    )


def test_D16_two_that_agree_need_nobody(clinic, doctor):
    case = spoken_case(clinic)
    third = make_user(Role.DOCTOR, clinics=[clinic])
    read(case.current.exam, doctor, L="5")
    read(case.current.exam, third, L="2")
    body = {
        "exam": str(case.current.exam_id),
        "laterality": "L",
        "category": "4",
        "reason": "Why not",
    }

    assert_problem(Program(third).post("/arbitrations/", body), 409, "nothing_to_arbitrate")


def test_D16_the_lists_show_what_waits_for_whom(clinic, doctor):
    case = spoken_case(clinic)
    second = make_user(Role.DOCTOR, clinics=[clinic])
    address = reverse("analysis:to-read")
    page = signed_in(doctor).get(address)
    assert_strict(page)
    exams = {exam.pk for exam in page.context["page"].rows}
    assert exams == {case.current.exam_id, case.prior.exam_id}
    assert reads()[-1].detail["patients"] == [case.patient_id.hex]

    read(case.current.exam, second, L="2")

    page = signed_in(doctor).get(address)
    assert [exam.pk for exam in page.context["to_settle"]] == [case.current.exam_id]
    assert signed_in(second).get(address).context["to_settle"] == []
    assert case.current.exam_id not in {
        exam.pk for exam in signed_in(second).get(address).context["page"].rows
    }


def test_I1_D16_the_same_lists_are_read_over_http(clinic, doctor):
    case = spoken_case(clinic)
    second = make_user(Role.DOCTOR, clinics=[clinic])
    program = Program(doctor)

    due = program.get("/readings/due/").json()["results"]
    read(case.current.exam, second, L="2")

    assert {exam["id"] for exam in due} == {str(case.current.exam_id), str(case.prior.exam_id)}
    assert [exam["id"] for exam in program.get("/arbitrations/due/").json()] == [
        str(case.current.exam_id)
    ]
    assert Program(second).get("/arbitrations/due/").json() == []
    left = Program(second).get("/readings/due/").json()["results"]
    assert [exam["id"] for exam in left] == [str(case.prior.exam_id)]


def test_D16_other_roles_do_not_read(clinic):
    exam = make_exam(make_patient(clinic))
    make_mammogram(exam=exam)
    with pytest.raises(Forbidden):
        read(exam, make_user(Role.RADIOGRAPHER, clinics=[clinic]), L="2")


def test_D16_agreement_is_quadratic_kappa_with_its_n(clinic, doctor):
    """Against the sums of its definition, over four breasts."""
    second = make_user(Role.DOCTOR, clinics=[clinic])
    for computed, first, other in ("212", "222", "454", "555"):
        picture = make_mammogram(make_patient(clinic))
        make_prediction(picture, category=computed)
        make_reading(picture, reader=doctor, category=first)
        make_reading(picture, reader=second, category=other)
    left_out = make_mammogram(make_patient(clinic))
    make_prediction(left_out, category="5")
    make_reading(left_out, reader=doctor, category="0")

    between = {each.between: each for each in agreements(doctor)}

    pairs = {
        "doctor-doctor": ((1, 2, 5, 5), (2, 2, 4, 5)),
        "computer-doctor": ((2, 2, 5, 5), (2, 2, 4, 5)),  # it knows no 1
    }
    for name, (one, other) in pairs.items():
        observed = sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
        chance = sum((a - b) ** 2 for a in one for b in other) / 4
        assert between[name].kappa.value == pytest.approx(1 - observed / chance)
        assert (between[name].n, between[name].patients) == (4, 4)
        assert between[name].kappa.low <= between[name].kappa.value <= between[name].kappa.high
    assert between["computer-doctor"].model_version == "model-test"

    answer = Program(doctor, browser=True).get("/reader-agreement/").json()["results"]
    assert {row["between"]: row["n"] for row in answer} == {
        "doctor-doctor": 4,
        "computer-doctor": 4,
    }
    page = signed_in(doctor).get(reverse("analysis:agreement"))
    assert_strict(page)
    assert "0.9" in page.content.decode()


def test_A8_an_archived_record_asks_for_no_reading(clinic, doctor):
    case = spoken_case(clinic)
    third = make_user(Role.DOCTOR, clinics=[clinic])
    read(case.current.exam, doctor, L="3")
    read(case.current.exam, make_user(Role.DOCTOR, clinics=[clinic]), L="4")
    address = reverse("analysis:to-read")
    before = signed_in(third).get(address).context
    assert (len(before["page"].rows), before["to_settle"]) == (2, [case.current.exam])

    archive_patient(case.patient, reason="Moved away.", archived_by=doctor)

    after = signed_in(third).get(address).context
    assert (list(after["page"].rows), after["to_settle"]) == ([], [])
