"""Pages of the patient record: who sees what, what is written, and what a refusal shows."""

from datetime import date

import pytest
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from patients import selectors, services
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from tests.audit import reads
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_course, make_patient
from tests.web import HTMX, assert_status_by_role, assert_strict, signed_in

pytestmark = pytest.mark.django_db

READERS = {
    Role.RECEPTIONIST: 200,
    Role.RADIOGRAPHER: 200,
    Role.DOCTOR: 200,
    Role.RESEARCHER: 403,
    Role.ADMIN: 403,
}
THERAPISTS = {**READERS, Role.RECEPTIONIST: 403, Role.RADIOGRAPHER: 403}
IDENTITY = {
    "family_name": "Rivera",
    "given_name": "Alma",
    "birth_date": "1961-03-14",
    "sex": "F",
    "medical_record_number": "AB-17",
}


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


def address(name: str, *ids: object) -> str:
    return reverse(f"patients:{name}", args=ids)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("list", READERS),
        ("new", READERS),
        ("detail", READERS),
        ("edit", READERS),
        ("add-course", THERAPISTS),
        ("add-pathology", THERAPISTS),
    ],
)
def test_pages_open_for_the_roles_that_need_them(name, statuses, clinic):
    patient = make_patient(clinic)
    users = {role: make_user(role, clinics=[clinic]) for role in statuses}

    path = address(name) if name in {"list", "new"} else address(name, patient.pk)

    assert_status_by_role(path, statuses, users)


@pytest.mark.parametrize("name", ["detail", "edit", "add-course", "add-pathology"])
def test_another_clinics_patient_does_not_exist(name, doctor):
    foreign, absent = make_patient(), Patient()

    answers = [
        signed_in(doctor).get(address(name, pk), headers={"X-Request-ID": "the-same-id"})
        for pk in (foreign.pk, absent.pk)
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    tokens = [answer.context["csrf_token"] for answer in answers]
    pages = [
        answer.content.replace(str(token).encode(), b"")
        for answer, token in zip(answers, tokens, strict=True)
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", ["list", "new", "detail", "edit", "add-course", "add-pathology"])
def test_pages_keep_to_the_strict_policy(name, doctor, clinic):
    patient = make_patient(clinic)
    path = address(name) if name in {"list", "new"} else address(name, patient.pk)

    assert_strict(signed_in(doctor).get(path))


def test_list_shows_the_own_clinics_patients_only(doctor, clinic):
    mine, foreign = make_patient(clinic), make_patient()

    page = signed_in(doctor).get(address("list"))

    assert list(page.context["page"].rows) == [mine]
    assert foreign.medical_record_number not in page.content.decode()


@pytest.mark.parametrize("text", ["river", "Alma Rivera", "rivera alma", "ab 17", "1961-03-14"])
def test_search_finds_by_name_number_and_birth_date(text, doctor, clinic):
    make_patient(clinic, family_name="Moreno")
    wanted = make_patient(
        clinic,
        family_name="Rivera",
        given_name="Alma",
        medical_record_number="AB-17",
        birth_date=date(1961, 3, 14),
    )

    rows = signed_in(doctor).post(address("search"), {"text": text}, headers=HTMX)

    assert list(rows.context["page"].rows) == [wanted]
    assert "<html" not in rows.content.decode()


def test_search_takes_no_text_from_an_address_and_needs_two_characters(doctor, clinic):
    make_patient(clinic, family_name="Rivera")
    other = make_patient(clinic, family_name="Moreno")

    assert signed_in(doctor).get(address("search"), {"text": "Moreno"}).status_code == 405
    short = signed_in(doctor).post(address("search"), {"text": "M"})

    assert short.context["too_short"] is True
    assert len(short.context["page"].rows) == 2
    assert list(signed_in(doctor).post(address("search"), {"text": "Mo"}).context["page"].rows) == [
        other
    ]


def test_list_goes_on_after_fifty_rows(doctor, clinic):
    for number in range(52):
        make_patient(clinic, family_name=f"Name{number:02}")

    first = signed_in(doctor).get(address("list")).context["page"]
    second = signed_in(doctor).get(address("list"), {"page": "2"}).context["page"]
    found = signed_in(doctor).post(address("search"), {"text": "name", "page": "2"})

    assert (len(first.rows), first.has_next) == (50, True)
    assert [row.family_name for row in second.rows] == ["Name50", "Name51"]
    assert [row.family_name for row in found.context["page"].rows] == ["Name50", "Name51"]


def test_list_needs_the_same_queries_for_many_rows(
    doctor, clinic, django_assert_num_queries, django_assert_max_num_queries
):
    client = signed_in(doctor)
    make_patient(clinic)
    with django_assert_max_num_queries(12) as few:
        client.get(address("list"))
    for _ in range(5):
        make_patient(clinic)

    with django_assert_num_queries(len(few.captured_queries)):
        client.get(address("list"))


def test_registering_leads_to_the_patient(doctor, clinic):
    answer = signed_in(doctor).post(address("new"), {**IDENTITY, "clinic_id": str(clinic.pk)})

    patient = Patient.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, address("detail", patient.pk))
    assert (patient.family_name, patient.birth_date) == ("Rivera", date(1961, 3, 14))


def test_registering_a_number_twice_shows_who_has_it(doctor, clinic):
    known = make_patient(clinic, medical_record_number="ab 17")

    answer = signed_in(doctor).post(address("new"), {**IDENTITY, "clinic_id": str(clinic.pk)})

    assert answer.status_code == 409
    assert address("detail", known.pk) in answer.content.decode()
    assert list(answer.context["form"].errors) == ["medical_record_number"]
    assert Patient.objects.count() == 1


def test_registering_into_another_clinic_is_refused(doctor):
    answer = signed_in(doctor).post(
        address("new"), {**IDENTITY, "clinic_id": str(make_clinic().pk)}
    )

    assert answer.status_code == 422
    assert not Patient.objects.exists()


def test_opening_a_patient_leaves_a_trace(doctor, clinic):
    patient = make_patient(clinic)

    page = signed_in(doctor).get(address("detail", patient.pk))

    [entry] = reads()
    assert (entry.detail["view"], entry.actor_id, entry.patient_id) == (
        "patients:detail",
        doctor.pk,
        patient.pk,
    )
    title = page.content.decode().partition("<title>")[2].partition("</title>")[0]
    assert title == f"{patient.initials} · MammoTrack"


def test_a_receptionist_sees_therapy_and_no_pictures(clinic):
    patient = make_patient(clinic)
    make_course(patient, regimen="AC-T")
    clerk = make_user(Role.RECEPTIONIST, clinics=[clinic])

    text = signed_in(clerk).get(address("detail", patient.pk)).content.decode()

    assert "Chemotherapy AC-T begins" in text
    assert "Upload mammograms" not in text
    assert "Worklist" not in text


def test_a_second_edit_shows_both_values_and_can_be_repeated(doctor, clinic):
    patient = make_patient(clinic, **IDENTITY | {"birth_date": date(1961, 3, 14)})
    client = signed_in(doctor)
    services.update_patient(
        selectors.patient_visible_to(doctor, patient.pk),
        expected_version=1,
        changed_by=doctor,
        given_name="Almudena",
    )

    late = client.post(
        address("edit", patient.pk), {**IDENTITY, "given_name": "Alina", "expected_version": 1}
    )

    differing = [pair for pair in late.context["conflict"] if pair.differs]
    assert late.status_code == 412
    assert [(pair.typed, pair.on_record) for pair in differing] == [("Alina", "Almudena")]
    assert late.context["form"]["expected_version"].value() == 2
    assert Patient.objects.get().given_name == "Almudena"

    again = client.post(
        address("edit", patient.pk), {**IDENTITY, "given_name": "Alina", "expected_version": 2}
    )

    assert again.status_code == 302
    assert Patient.objects.get().given_name == "Alina"


def test_therapy_and_pathology_are_recorded(doctor, clinic):
    patient = make_patient(clinic)
    client = signed_in(doctor)

    client.post(
        address("add-course", patient.pk),
        {"kind": "CHEMOTHERAPY", "regimen": "AC-T", "planned_cycles": "4",
         "start_date": "2024-01-10"},
    )  # fmt: skip
    course = TherapyCourse.objects.get()
    client.post(
        address("add-cycle", patient.pk, course.pk), {"number": "1", "given_date": "2024-01-10"}
    )
    client.post(
        address("add-pathology", patient.pk),
        {"laterality": "L", "result": "MALIGNANT", "report_date": "2024-01-03"},
    )

    assert (course.regimen, course.planned_cycles, course.end_date) == ("AC-T", 4, None)
    assert TherapyCycle.objects.get().given_date == date(2024, 1, 10)
    assert PathologyReport.objects.get().laterality == "L"


@pytest.mark.parametrize(
    ("cycle", "sentence"),
    [
        ({"number": "9", "given_date": "2024-01-10"}, "The course has 8 cycles."),
        ({"number": "1", "given_date": "2023-01-10"}, "The cycle lies outside its course."),
        ({"number": "0", "given_date": "2024-01-10"}, "greater than or equal to 1"),
    ],
)
def test_a_refused_cycle_says_why_and_writes_nothing(cycle, sentence, doctor, clinic):
    course = make_course(make_patient(clinic))

    answer = signed_in(doctor).post(address("add-cycle", course.patient_id, course.pk), cycle)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not TherapyCycle.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_cycle_of_another_patients_course_is_not_found(doctor, clinic):
    course = make_course(make_patient(clinic))

    answer = signed_in(doctor).get(address("add-cycle", make_patient(clinic).pk, course.pk))

    assert answer.status_code == 404


def test_typed_markup_stays_text(doctor, clinic):
    patient = make_patient(clinic, family_name="<script>alert(1)</script>")

    text = signed_in(doctor).get(address("detail", patient.pk)).content.decode()

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
