"""Who a patient is: unique numbers, likely duplicates, dates known in part, ages."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from mammotrack.audit.selectors import private_values
from patients import duplicates, services
from patients.models import Patient
from patients.names import fold, phone_key, phonetic_key
from patients.partial_dates import Age, PartialDate, age_on
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_exam, make_mammogram
from tests.mammotrack.test_mongo_backend import Plan
from tests.web import assert_strict, signed_in

JOHN = {
    "family_name": "Smith",
    "given_name": "John",
    "birth_date": date(1970, 1, 2),
    "sex": "M",
}


@pytest.fixture
def clinic(db):
    return make_clinic()


@pytest.fixture
def clerk(clinic):
    return make_user(Role.RECEPTIONIST, clinics=[clinic])


def body(clinic, **fields):
    return {
        "clinic": str(clinic.pk),
        "medical_record_number": "MRN-7",
        "family_name": "Novak",
        "given_name": "Eva",
        "birth_date": "1968-03-02",
        "sex": "F",
    } | fields


def test_S1_twenty_posts_of_one_number_make_one_patient(clinic, clerk):
    program = Program(clerk)
    token = program.client._credentials["HTTP_AUTHORIZATION"]

    def post(_: int):
        own = Program()
        own.client.credentials(HTTP_AUTHORIZATION=token)
        try:
            answer = own.post("/patients/", body(clinic))
            return answer.status_code, answer.json()
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))

    patient = Patient.objects.get()
    assert sorted(status for status, _ in answers) == [201] + [409] * 19
    refused = [document for status, document in answers if status == 409]
    assert {document["code"] for document in refused} == {"duplicate_record_number"}
    assert {document["context"]["patient_id"] for document in refused} == {str(patient.pk)}


def test_S1_an_empty_number_matches_no_other(clinic, clerk):
    for number in ("", "  ", "- -"):
        answer = Program(clerk).post("/patients/", body(clinic, medical_record_number=number))
        assert answer.status_code in {400, 422}

    assert not Patient.objects.exists()


@pytest.mark.parametrize(
    ("text", "first", "precision"),
    [
        ("1961", date(1961, 1, 1), "YEAR"),
        ("1961-03", date(1961, 3, 1), "MONTH"),
        ("1964-02-29", date(1964, 2, 29), "DAY"),
    ],
)
def test_S1_a_birth_date_known_in_part_keeps_its_precision(clinic, clerk, text, first, precision):
    answer = Program(clerk).post("/patients/", body(clinic, birth_date=text, phone="0171 555 0101"))

    assert (answer.status_code, answer.json()["birth_date"]) == (201, text)
    patient = Patient.objects.get()
    assert (patient.birth_date, patient.birth_precision) == (first, precision)
    assert (patient.phone, patient.phone_key) == ("0171 555 0101", "715550101")


@pytest.mark.parametrize("text", ["1961-13", "61", "1961-02-30", "1961-3-1", "0000", "١٩٦١"])
def test_S1_what_is_no_date_is_refused(clinic, clerk, text):
    answer = Program(clerk).post("/patients/", body(clinic, birth_date=text))

    assert_problem(answer, 400, "invalid")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"phone": "abc"}, "invalid"),
        ({"deceased_date": "1960-01-01"}, "invalid_dates"),
        ({"deceased_date": "2999-01-01"}, "invalid_dates"),
    ],
)
def test_S1_contact_and_death_are_checked(clinic, clerk, fields, code):
    assert_problem(Program(clerk).post("/patients/", body(clinic, **fields)), 422, code)


def test_S2_jon_smyth_lists_john_smith_and_needs_a_stored_reason(clinic, clerk):
    john = make_patient(clinic, **JOHN)
    program = Program(clerk)
    typed = body(clinic, family_name="Smyth", given_name="Jon", birth_date="1970-01-02", sex="M")

    warned = assert_problem(program.post("/patients/", typed), 409, "possible_duplicate")

    assert warned["context"]["candidates"] == [
        {"patient_id": str(john.pk), "likeness": 0.92, "same": ["name", "birth_date"]}
    ]
    assert Patient.objects.count() == 1
    short = program.post("/patients/", typed | {"duplicate_reason": "no"})
    assert_problem(short, 409, "possible_duplicate")

    reason = "Brothers: both present, both identity cards seen."
    made = program.post("/patients/", typed | {"duplicate_reason": reason})

    assert made.status_code == 201
    entry = AuditEntry.objects.get(object_id=made.json()["id"], action="patient.registered")
    assert entry.detail == {"alike": [str(john.pk)]}
    assert private_values(entry) == {"duplicate_reason": reason}


def test_S2_a_change_that_makes_two_alike_needs_a_stored_reason_too(clinic, clerk):
    john = make_patient(clinic, **JOHN)
    other = make_patient(clinic, family_name="Brandt", given_name="Jon", sex="M")
    typed = {"family_name": "Smyth", "birth_date": "1970-01-02"}

    def change(version=1, **fields):
        return Program(clerk).patch(
            f"/patients/{other.pk}/", typed | fields, headers={"If-Match": f'"{version}"'}
        )

    warned = assert_problem(change(), 409, "possible_duplicate")
    assert [each["patient_id"] for each in warned["context"]["candidates"]] == [str(john.pk)]
    other.refresh_from_db()
    assert (other.family_name, other.version) == ("Brandt", 1)

    reason = "Cousins: both identity cards seen."
    assert change(duplicate_reason=reason).status_code == 200

    entry = AuditEntry.objects.get(object_id=other.pk, action="patient.updated")
    assert entry.detail["alike"] == [str(john.pk)]
    assert private_values(entry)["duplicate_reason"] == reason
    # Whom it is known to be like stops no later change.
    assert change(version=2, phone="+49 171 5550101").status_code == 200


def test_S2_the_page_of_a_change_lists_them(clinic, clerk):
    make_patient(clinic, **JOHN)
    other = make_patient(clinic, family_name="Brandt", given_name="Jon", sex="M")
    typed = {
        "medical_record_number": other.medical_record_number,
        "family_name": "Smyth",
        "given_name": "Jon",
        "birth_date": "1970-01-02",
        "sex": "M",
        "expected_version": 1,
    }
    address = reverse("patients:edit", args=[other.pk])

    page = signed_in(clerk).post(address, typed)

    assert_strict(page)
    assert page.status_code == 409
    assert "Registered already?" in page.content.decode()
    typed["duplicate_reason"] = "Cousins: both identity cards seen."
    assert signed_in(clerk).post(address, typed).status_code == 302


def test_S2_the_page_lists_them_before_anything_is_saved(clinic, clerk):
    john = make_patient(clinic, **JOHN)
    foreign = make_patient(make_clinic(), **JOHN)
    typed = body(clinic, family_name="Smyth", given_name="Jon", birth_date="1970-01-02", sex="M")
    form = typed | {"clinic_id": typed.pop("clinic")}

    page = signed_in(clerk).post(reverse("patients:new"), form)

    assert page.status_code == 409
    assert page.context["alike"] == [john]
    text = page.content.decode()
    assert reverse("patients:detail", args=[john.pk]) in text
    assert str(foreign.pk) not in text
    assert Patient.objects.count() == 2

    saved = signed_in(clerk).post(
        reverse("patients:new"), form | {"duplicate_reason": "Another person, seen both."}
    )
    assert saved.status_code == 302


NAME = "Zoë Müller"


@pytest.mark.parametrize(
    "fields",
    [
        {"given_name": unicodedata.normalize("NFD", "Zoë"), "family_name": "Müller"},
        {"given_name": "Zoe", "family_name": "Muller"},
        {"given_name": "Zоё", "family_name": "Мüller"},  # with Cyrillic letters
        {"given_name": "Müller", "family_name": "Zoë"},
        {"given_name": "ＺＯＥ", "family_name": "MÜLLER"},
    ],
    ids=["decomposed", "no accents", "look-alikes", "exchanged", "full width"],
)
def test_S2_other_spellings_of_the_same_name_are_found(clinic, fields):
    known = make_patient(
        clinic, given_name="Zoë", family_name="Müller", birth_date=date(1970, 1, 2)
    )
    wanted = Patient(clinic=clinic, birth_date=date(1970, 1, 2), **fields)
    wanted.derive_keys()

    assert [c.patient for c in duplicates.candidates(wanted)] == [known]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"birth_date": date(1970, 2, 1)}, True),  # day and month exchanged
        ({"birth_date": date(1971, 1, 2)}, True),  # one digit
        ({"birth_date": date(1970, 1, 1), "birth_precision": "YEAR"}, True),
        ({"birth_date": date(1985, 6, 20)}, False),
        ({"birth_date": date(1985, 6, 20), "phone": "+44 20 7946 0018"}, True),
        ({"given_name": "Mary", "family_name": "Jones"}, False),  # born the same day
    ],
)
def test_S2_a_likely_person_is_found_and_another_is_not(clinic, fields, found):
    make_patient(clinic, **JOHN, phone="020 7946 0018")
    wanted = Patient(clinic=clinic, **JOHN | fields)
    wanted.derive_keys()

    assert bool(duplicates.candidates(wanted)) is found


def test_S2_candidates_are_found_by_index(clinic):
    for number in range(50):
        make_patient(clinic, family_name=f"Name{number}", birth_date=date(1950, 1, 1 + number % 28))
    queries = [
        {"family_key__in": ["SM0", "JN"], "given_key__in": ["SM0", "JN"]},
        {"birth_date__in": [date(1970, 1, 2), date(1970, 2, 1)]},
        {"phone_key": "715550101"},
    ]

    for query in queries:
        plan = Plan(Patient.objects.filter(clinic_id=clinic.pk, **query)[:500])
        assert plan.is_by_index()
        assert plan.documents == 0


def test_S2_names_are_compared_without_case_accents_and_look_alikes():
    assert fold("ŁUKASZ  Straße-Öz") == "lukasz strasse oz"
    assert phonetic_key("Catherine") == phonetic_key("Katharine")
    assert phonetic_key("李") == "李"
    assert phone_key("+49 (171) 555-0101") == phone_key("0171 5550101")


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        ("1970-05-17", date(2019, 5, 16), Age(48, 48)),
        ("1970-05-17", date(2019, 5, 17), Age(49, 49)),
        ("1964-02-29", date(2023, 2, 28), Age(58, 58)),
        ("1964-02-29", date(2023, 3, 1), Age(59, 59)),
        ("1964-02-29", date(2024, 2, 29), Age(60, 60)),
        ("1970", date(2019, 6, 1), Age(48, 49)),
        ("1970-05", date(2019, 5, 10), Age(48, 49)),
        ("1970-05", date(2019, 6, 10), Age(49, 49)),
        ("1970", date(1970, 6, 1), Age(0, 0)),
    ],
)
def test_S4_age_on_a_day(born, day, age):
    assert age_on(PartialDate.parse(born), day) == age


def test_S4_a_picture_of_2019_shows_the_age_of_2019(clinic):
    patient = make_patient(clinic, birth_date=date(1964, 2, 29))
    picture = make_mammogram(patient, exam_date=date(2019, 2, 28))
    doctor = make_user(Role.DOCTOR, clinics=[clinic])

    told = Program(doctor).get(f"/mammograms/{picture.pk}/").json()

    assert told["age_at_exam"] == "54"
    page = signed_in(doctor).get(reverse("patients:detail", args=[patient.pk]))
    assert "54 y" in page.content.decode()


def test_S4_a_birth_after_an_exam_is_refused(clinic, clerk):
    patient = make_patient(clinic, birth_date=date(1970, 5, 17))
    make_exam(patient, exam_date=date(2019, 4, 1))

    answer = Program(clerk).patch(
        f"/patients/{patient.pk}/", {"birth_date": "2020-01-01"}, headers={"If-Match": '"1"'}
    )

    assert_problem(answer, 400, "birth_after_exam")
    patient.refresh_from_db()
    assert (patient.birth_date, patient.version) == (date(1970, 5, 17), 1)


def test_S4_a_death_before_an_exam_is_refused_and_age_ends_with_it(clinic, clerk):
    patient = make_patient(clinic, birth_date=date(1940, 5, 17))
    make_exam(patient, exam_date=date(2019, 4, 1))
    change = {"patient": patient, "expected_version": 1, "changed_by": clerk}

    with pytest.raises(services.InvalidDates):
        services.update_patient(**change, deceased_date=date(1939, 1, 1))
    answer = Program(clerk).patch(
        f"/patients/{patient.pk}/", {"deceased_date": "2018-01-01"}, headers={"If-Match": '"1"'}
    )
    assert_problem(answer, 400, "exam_after_death")
    patient.refresh_from_db()
    services.update_patient(**change, deceased_date=date(2020, 5, 16))

    page = signed_in(clerk).get(reverse("patients:detail", args=[patient.pk]))
    assert page.context["banner"].age == Age(79, 79)
