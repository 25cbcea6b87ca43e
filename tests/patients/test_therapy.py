"""Therapy and pathology: every kind of course, cycles with dates and doses, corrections."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connection
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden
from patients import services
from patients.choices import TherapyKind
from patients.models import PathologyReport, Revision, TherapyCourse, TherapyCycle
from patients.selectors import place_in_therapy
from patients.services.facts import InvalidDates
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.factories.scans import make_mammogram
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient():
    return make_patient(birth_date=date(1970, 5, 17))


@pytest.fixture
def doctor(patient):
    return make_user(Role.DOCTOR, clinics=[patient.clinic])


@pytest.fixture
def course(patient):
    """Eight cycles planned, the first four given every three weeks."""
    course = make_course(patient, start_date=date(2024, 1, 10))
    for number in range(1, 5):
        make_cycle(course, number, given_date=date(2024, 1, 10) + timedelta(weeks=3 * (number - 1)))
    return course


AFTER_FOUR = date(2024, 3, 24)  # cycle 4 was given on 13 March: that is its day 1


def test_D2_a_scan_knows_that_it_lies_after_cycle_4_of_8_day_12(course, patient, doctor):
    scan = make_mammogram(patient, exam_date=AFTER_FOUR)

    answer = Program(doctor).get(f"/mammograms/{scan.pk}/").json()

    assert answer["therapy_place"] == {
        "course_id": str(course.pk),
        "regimen": "AC-T",
        "cycle": 4,
        "planned_cycles": 8,
        "day": 12,
        "label": "AC-T: after cycle 4 of 8, day 12",
    }
    assert answer["age_at_exam"] == "53"
    page = signed_in(doctor).get(reverse("patients:detail", args=[patient.pk]))
    assert_strict(page)
    assert "AC-T: after cycle 4 of 8, day 12; 53 y" in page.content.decode()


@pytest.mark.parametrize(
    ("day", "label"),
    [
        (date(2024, 1, 9), "before AC-T"),
        (date(2024, 1, 10), "AC-T: after cycle 1 of 8, day 1"),
        (date(2024, 1, 30), "AC-T: after cycle 1 of 8, day 21"),
        (date(2024, 1, 31), "AC-T: after cycle 2 of 8, day 1"),
        (date(2024, 7, 1), "AC-T: after cycle 4 of 8, day 111"),
    ],
)
def test_D2_the_place_of_a_day(course, patient, day, label):
    assert place_in_therapy(patient.pk, day).label == label


def test_D2_the_place_follows_the_cycles_when_several_courses_run(course, patient):
    make_course(
        patient,
        kind=TherapyKind.HORMONE,
        regimen="tamoxifen",
        planned_cycles=None,
        start_date=date(2024, 3, 20),
    )
    assert place_in_therapy(patient.pk, AFTER_FOUR).cycle == 4
    TherapyCourse.objects.filter(pk=course.pk).update(end_date=date(2024, 3, 22))

    assert place_in_therapy(patient.pk, AFTER_FOUR).label == "on tamoxifen, day 5"
    TherapyCourse.objects.exclude(pk=course.pk).update(end_date=date(2024, 3, 20))
    assert (
        place_in_therapy(patient.pk, AFTER_FOUR).label
        == "2 days after the end of AC-T, 4 of 8 cycles given"
    )


def test_D2_no_therapy_no_place(patient, doctor):
    scan = make_mammogram(patient)

    assert Program(doctor).get(f"/mammograms/{scan.pk}/").json()["therapy_place"] is None


@pytest.mark.parametrize(
    "cycle",
    [
        {"number": 5, "given_date": "2024-03-13"},  # the day of cycle 4
        {"number": 5, "given_date": "2024-02-01"},  # before cycle 4
        {"number": 5, "given_date": "2024-03-15"},  # while cycle 4 goes on
    ],
)
def test_D2_overlapping_cycles_are_refused(course, doctor, cycle):
    TherapyCycle.objects.filter(course=course, number=4).update(last_date=date(2024, 3, 15))

    answer = Program(doctor).post(f"/therapy-courses/{course.pk}/cycles/", cycle)

    assert_problem(answer, 400, "overlapping_cycles")
    assert TherapyCycle.objects.count() == 4
    assert not AuditEntry.objects.exists()


def test_D2_of_overlapping_cycles_at_once_one_is_stored(patient, doctor):
    course = make_course(patient, start_date=date(2024, 1, 10))

    def record(number: int) -> str:
        try:
            services.record_cycle(
                course, number=number, given_date=date(2024, 1, 12), recorded_by=doctor
            )
        except services.OverlappingCycles as error:
            return error.problem_code
        finally:
            connection.close()
        return "stored"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(record, range(1, 5)))

    assert outcomes == ["overlapping_cycles"] * 3 + ["stored"]
    assert TherapyCycle.objects.count() == 1


def test_D2_dose_change_and_stop_reason_are_coded(course, patient, doctor):
    program = Program(doctor)
    without = {"number": 5, "given_date": "2024-04-03", "dose_percent": 75}
    cycles = f"/therapy-courses/{course.pk}/cycles/"

    assert_problem(program.post(cycles, without), 400, "contradictory_therapy")
    given = program.post(cycles, without | {"dose_reason": "BLOOD_COUNT"})
    assert (given.status_code, given.json()["dose_percent"]) == (201, 75)

    here = f"/patients/{patient.pk}/therapy-courses/{course.pk}/"
    tag = {"If-Match": '"1"'}
    no_day = program.patch(here, {"stop_reason": "NOT_TOLERATED"}, headers=tag)
    assert_problem(no_day, 400, "contradictory_therapy")
    ended = program.patch(
        here, {"stop_reason": "NOT_TOLERATED", "end_date": "2024-04-10"}, headers=tag
    )
    assert ended.status_code == 200
    assert ended.headers["ETag"] == '"2"'
    assert ended.json()["stop_reason_coding"] == {
        "system": "http://snomed.info/sct",
        "code": "407563006",
    }


@pytest.mark.parametrize("kind", TherapyKind.values)
def test_D2_courses_of_every_kind_are_recorded(patient, doctor, kind):
    answer = Program(doctor).post(
        f"/patients/{patient.pk}/therapy-courses/",
        {"kind": kind, "regimen": "X", "intent": "NEOADJUVANT", "start_date": "2024-01-10"},
    )

    assert (answer.status_code, answer.json()["kind"]) == (201, kind)
    assert answer.json()["intent_coding"]["code"] == "373847000"
    page = signed_in(doctor).get(reverse("patients:detail", args=[patient.pk])).content.decode()
    assert f"tl-{kind.lower()}" in page


def test_D2_a_correction_is_a_new_version_and_the_old_one_is_kept(course, patient, doctor):
    program = Program(doctor)
    here = f"/patients/{patient.pk}/therapy-courses/{course.pk}/"

    first = program.patch(here, {"regimen": "TC"}, headers={"If-Match": '"1"'})
    late = program.patch(here, {"regimen": "EC"}, headers={"If-Match": '"1"'})
    blind = program.patch(here, {"regimen": "EC"})

    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert_problem(late, 412, "stale_version")
    assert_problem(blind, 428, "precondition_required")
    revision = Revision.objects.get()
    assert (revision.fact_id, revision.version, revision.values) == (
        course.pk,
        1,
        {"regimen": "AC-T"},
    )
    assert [entry.action for entry in AuditEntry.objects.all()] == [Action.FACT_AMENDED]


def test_D2_a_course_cannot_be_shortened_past_its_cycles(course, patient, doctor):
    answer = Program(doctor).patch(
        f"/patients/{patient.pk}/therapy-courses/{course.pk}/",
        {"end_date": "2024-02-01"},
        headers={"If-Match": '"1"'},
    )

    assert_problem(answer, 422, "invalid_dates")
    course.refresh_from_db()
    assert (course.end_date, course.version) == (None, 1)


def test_D2_a_cycle_has_to_fit_the_course_as_it_is_by_now(course, doctor):
    read_before = TherapyCourse.objects.get(pk=course.pk)
    services.amend_course(
        course, expected_version=1, recorded_by=doctor, end_date=date(2024, 3, 20)
    )

    with pytest.raises(InvalidDates):
        services.record_cycle(
            read_before, number=5, given_date=date(2024, 4, 3), recorded_by=doctor
        )

    assert TherapyCycle.objects.count() == 4


def test_D2_cycle_and_report_are_corrected_on_their_pages(course, patient, doctor):
    cycle = TherapyCycle.objects.get(number=4)
    report = make_pathology(patient)
    at_cycle = reverse("patients:amend-cycle", args=[patient.pk, course.pk, cycle.pk])
    at_report = reverse("patients:amend-pathology", args=[patient.pk, report.pk])
    browser = signed_in(doctor)
    assert_strict(browser.get(at_cycle))
    typed = {"number": 4, "given_date": "2024-03-14", "dose_percent": 100}

    overlap = browser.post(at_cycle, typed | {"given_date": "2024-02-20", "expected_version": 1})
    saved = browser.post(at_cycle, typed | {"expected_version": 1})
    again = browser.post(at_cycle, typed | {"expected_version": 1})
    saved_report = browser.post(
        at_report,
        {
            "laterality": "L",
            "result": "MALIGNANT",
            "report_date": "2024-01-03",
            "specimen": "CORE_BIOPSY",
            "histology": "NO_SPECIAL_TYPE",
            "grade": 2,
            "estrogen_receptor": "POSITIVE",
            "progesterone_receptor": "LOW_POSITIVE",
            "her2": "NEGATIVE",
            "ki67_percent": 20,
            "expected_version": 1,
        },
    )

    assert [a.status_code for a in (overlap, saved, again, saved_report)] == [400, 302, 412, 302]
    assert overlap.context["form"].errors["given_date"]
    cycle.refresh_from_db()
    assert (cycle.given_date, cycle.version) == (date(2024, 3, 14), 2)
    page = browser.get(reverse("patients:detail", args=[patient.pk])).content.decode()
    assert "ER positive, PR low positive, HER2 negative, Ki-67 20 %" in page


def test_D2_a_benign_report_has_no_receptors(patient, doctor):
    answer = Program(doctor).post(
        f"/patients/{patient.pk}/pathology-reports/",
        {
            "laterality": "L",
            "result": "BENIGN",
            "report_date": "2024-01-03",
            "estrogen_receptor": "POSITIVE",
        },
    )

    assert_problem(answer, 400, "contradictory_pathology")
    assert not PathologyReport.objects.exists()


def test_D2_only_who_treats_corrects(course):
    clerk = make_user(Role.RECEPTIONIST, clinics=[course.clinic])
    with pytest.raises(Forbidden):
        services.amend_course(course, expected_version=1, recorded_by=clerk, regimen="TC")

    stranger = Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))
    answer = stranger.patch(
        f"/patients/{course.patient_id}/therapy-courses/{course.pk}/",
        {"regimen": "TC"},
        headers={"If-Match": '"1"'},
    )
    assert_problem(answer, 404, "not_found")
