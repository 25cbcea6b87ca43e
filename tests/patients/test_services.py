"""Registration, changes and therapy: what is written, and that a refusal writes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden, NotFound, Rejected
from patients import services
from patients.models import Patient, TherapyCycle
from patients.selectors import patient_visible_to, search_patients
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_course, make_patient

pytestmark = pytest.mark.django_db

ALMA = {
    "family_name": "Rivera",
    "given_name": "Alma",
    "birth_date": date(1961, 3, 14),
    "sex": "F",
}


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("created_at").values_list("action", flat=True))


def test_register_patient_stores_the_record_and_its_audit_entry():
    clinic = make_clinic()
    clerk = make_user(Role.RECEPTIONIST, clinics=[clinic])

    patient = services.register_patient(
        clinic_id=clinic.pk, medical_record_number=" ab-17 ", registered_by=clerk, **ALMA
    )

    stored = Patient.objects.get()
    assert (stored.pk, stored.medical_record_number, stored.record_number_key) == (
        patient.pk,
        "ab-17",
        "AB17",
    )
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.patient_id) == (
        Action.PATIENT_REGISTERED,
        clerk.pk,
        patient.pk,
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"medical_record_number": " - "}, "empty_record_number"),
        ({"medical_record_number": "1", "birth_date": date(2999, 1, 1)}, "invalid_dates"),
        ({"medical_record_number": "1", "sex": "X"}, "invalid"),
        ({"medical_record_number": "1", "family_name": "  "}, "invalid"),
    ],
)
def test_register_patient_refuses_bad_values(fields, code):
    clinic = make_clinic()
    clerk = make_user(Role.RECEPTIONIST, clinics=[clinic])

    with pytest.raises(Rejected) as refusal:
        services.register_patient(clinic_id=clinic.pk, registered_by=clerk, **ALMA | fields)

    assert refusal.value.problem_code == code
    assert not Patient.objects.exists()
    assert actions() == []


def test_register_patient_needs_the_role_and_the_clinic():
    clinic = make_clinic()
    with pytest.raises(Forbidden):
        services.register_patient(
            clinic_id=clinic.pk,
            medical_record_number="1",
            registered_by=make_user(Role.RESEARCHER, clinics=[clinic]),
            **ALMA,
        )
    with pytest.raises(NotFound):
        services.register_patient(
            clinic_id=clinic.pk,
            medical_record_number="1",
            registered_by=make_user(Role.DOCTOR, clinics=[make_clinic()]),
            **ALMA,
        )
    assert not Patient.objects.exists()


def test_twenty_at_once_with_one_number_make_one_patient():
    clinic = make_clinic()
    clerk = make_user(Role.RECEPTIONIST, clinics=[clinic])

    def register(attempt: int) -> str:
        try:
            services.register_patient(
                clinic_id=clinic.pk,
                medical_record_number=f"{'-' * (attempt % 3)}77",
                registered_by=clerk,
                **ALMA,
            )
        except services.DuplicateRecordNumber as error:
            return error.context["patient_id"]
        finally:
            connection.close()
        return "registered"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(register, range(20)))

    patient = Patient.objects.get()
    assert sorted(outcomes) == sorted(["registered"] + [str(patient.pk)] * 19)
    assert actions() == [Action.PATIENT_REGISTERED]


def test_same_number_at_another_clinic_is_another_patient():
    make_patient(medical_record_number="77")

    make_patient(medical_record_number="77")

    assert Patient.objects.count() == 2


def test_update_patient_with_a_stale_version_changes_nothing():
    patient = make_patient(given_name="Ada")
    clerk = make_user(Role.RECEPTIONIST, clinics=[patient.clinic])
    services.update_patient(patient, expected_version=1, changed_by=clerk, given_name="Eva")

    with pytest.raises(services.StaleVersion):
        services.update_patient(patient, expected_version=1, changed_by=clerk, given_name="Ida")

    stored = Patient.objects.get()
    assert (stored.given_name, stored.version) == ("Eva", 2)
    assert actions() == [Action.PATIENT_UPDATED]


def test_patient_of_another_clinic_reads_as_absent():
    patient = make_patient()
    stranger = make_user(Role.DOCTOR, clinics=[make_clinic()])

    with pytest.raises(NotFound):
        patient_visible_to(stranger, patient.pk)


@pytest.mark.parametrize(
    "text", ["riv", "RIVERA", "alm", "alma riv", "rivera alma", "mrn 9", "1961-03-14"]
)
def test_search_finds_by_name_number_and_birth_date(text):
    clinic = make_clinic()
    wanted = make_patient(
        clinic,
        family_name="Rivera",
        given_name="Alma",
        medical_record_number="MRN-9",
        birth_date=date(1961, 3, 14),
    )
    make_patient(clinic, family_name="Lund", given_name="Eva", medical_record_number="MRN-8")
    make_patient(family_name="Rivera", given_name="Alma", medical_record_number="MRN-9")

    found = search_patients(make_user(Role.RECEPTIONIST, clinics=[clinic]), text)

    assert list(found) == [wanted]


def test_search_takes_every_character_literally():
    clinic = make_clinic()
    make_patient(clinic)

    found = search_patients(make_user(Role.DOCTOR, clinics=[clinic]), ".*")

    assert list(found) == []


def test_cycle_is_recorded_once_and_within_its_course():
    course = make_course(make_patient(), planned_cycles=2, start_date=date(2024, 1, 10))
    doctor = make_user(Role.DOCTOR, clinics=[course.clinic])
    services.record_cycle(course, number=1, given_date=date(2024, 1, 10), recorded_by=doctor)

    with pytest.raises(services.DuplicateCycle):
        services.record_cycle(course, number=1, given_date=date(2024, 2, 1), recorded_by=doctor)
    with pytest.raises(services.InvalidDates):
        services.record_cycle(course, number=2, given_date=date(2024, 1, 9), recorded_by=doctor)
    with pytest.raises(Rejected) as refusal:
        services.record_cycle(course, number=3, given_date=date(2024, 2, 1), recorded_by=doctor)

    assert refusal.value.problem_code == "cycle_not_planned"
    assert list(TherapyCycle.objects.values_list("number", flat=True)) == [1]
