"""Breaking the glass: one record, for a while, to read, with everybody told."""

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action
from mammotrack.audit.verify import verify
from mammotrack.errors import NotFound
from mammotrack.models import now
from patients import services
from patients.models import EmergencyAccess, Patient
from patients.partial_dates import PartialDate
from tests.api import Program, assert_problem
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.factories.analysis import make_recommendation
from tests.factories.patients import make_emergency, make_patient
from tests.factories.scans import make_pair
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db

WHY = "Unconscious after a fall, surgery now."
BORN = date(1961, 3, 14)


@pytest.fixture
def elsewhere():
    return make_clinic("Eastern clinic")


@pytest.fixture
def patient(elsewhere):
    return make_patient(
        elsewhere, family_name="Phantom", medical_record_number="PH-77", birth_date=BORN
    )


@pytest.fixture
def doctor():
    return make_user(Role.DOCTOR, clinics=[make_clinic()])


@pytest.fixture
def officer(elsewhere):
    return make_user(Role.ADMIN, clinics=[elsewhere])


def form_for(patient, **changed):
    return {
        "clinic_id": str(patient.clinic_id),
        "medical_record_number": patient.medical_record_number,
        "birth_date": str(patient.born),
        "reason": WHY,
    } | changed


def break_glass(client, patient, **changed):
    return client.post(reverse("patients:emergency"), form_for(patient, **changed))


def page_of(patient):
    return reverse("patients:detail", args=[patient.pk])


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.ADMIN])
def test_A13_Z08_a_record_out_of_scope_opens_with_a_reason_and_says_so(role, patient):
    client = signed_in(make_user(role, clinics=[make_clinic()]))
    before = client.get(page_of(patient)).status_code
    assert before == (404 if role == Role.DOCTOR else 403)

    opened = break_glass(client, patient)

    assert (opened.status_code, opened["Location"]) == (302, page_of(patient))
    page = client.get(page_of(patient))
    assert_strict(page)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Phantom" in text
    assert "Emergency access" in text
    assert "30 min left" in text
    access = EmergencyAccess.objects.get()
    assert access.expires_at - access.created_at <= services.EMERGENCY_LASTS


def test_A13_a_reason_of_fifteen_characters_is_needed(doctor, patient):
    refused = break_glass(signed_in(doctor), patient, reason="     In a hurry     ")

    assert refused.status_code == 422
    assert not EmergencyAccess.objects.exists()


@pytest.mark.parametrize(
    "changed", [{"medical_record_number": "PH-78"}, {"birth_date": "1961-03-15"}]
)
def test_A13_both_identifiers_must_be_right_and_a_wrong_one_is_on_the_trail(
    doctor, patient, changed
):
    refused = break_glass(signed_in(doctor), patient, **changed)

    assert refused.status_code == 422
    assert "Phantom" not in refused.content.decode()
    assert not EmergencyAccess.objects.exists()
    (entry,) = entries(Action.GLASS_REFUSED)
    assert (entry.actor_id, entry.clinic_id) == (doctor.pk, patient.clinic_id)


def test_A13_it_opens_one_record_and_no_other(doctor, patient, elsewhere):
    other = make_patient(elsewhere)
    client = signed_in(doctor)
    break_glass(client, patient)

    assert client.get(page_of(other)).status_code == 404
    assert signed_in(make_user(Role.DOCTOR)).get(page_of(patient)).status_code == 404


def test_A13_an_administrator_reads_that_record_and_not_the_own_clinics(patient, elsewhere):
    administrator = make_user(Role.ADMIN, clinics=[elsewhere])
    other = make_patient(elsewhere)
    client = signed_in(administrator)

    assert break_glass(client, patient).status_code == 302

    assert client.get(page_of(patient)).status_code == 200
    assert client.get(page_of(other)).status_code == 404
    listed = client.get(reverse("patients:list")).context["page"].rows
    assert [row.pk for row in listed] == [patient.pk]


def test_A13_pictures_and_analyses_open_with_it(doctor, patient):
    prior, current = make_pair(patient)
    found = make_recommendation(prior=prior, current=current)
    client = signed_in(doctor)
    address = reverse("analysis:detail", args=[found.job_id])
    assert client.get(address).status_code == 404

    break_glass(client, patient)

    page = client.get(address)
    assert page.status_code == 200
    assert reverse("analysis:sign", args=[found.job_id]) not in page.content.decode()


def test_A13_it_is_for_reading(doctor, patient):
    client = signed_in(doctor)
    break_glass(client, patient)
    page = client.get(page_of(patient)).content.decode()

    for name in ("edit", "consent", "add-course", "archive", "hold", "merge"):
        address = reverse(f"patients:{name}", args=[patient.pk])
        assert client.post(address, {}).status_code == 404, name
        assert name == "consent" or address not in page, name
    patch = client.patch(
        reverse("api:patient-detail", args=[patient.pk]), {}, content_type="application/json"
    )
    assert patch.status_code in (403, 404)
    assert Patient.objects.get(pk=patient.pk).version == patient.version


def test_A13_a_token_opens_nothing(doctor, patient):
    break_glass(signed_in(doctor), patient)
    _, text = make_token(doctor)
    client = signed_in(make_user(Role.DOCTOR))
    client.logout()

    answer = client.get(
        reverse("api:patient-detail", args=[patient.pk]),
        headers={"Authorization": f"Bearer {text}"},
    )

    assert answer.status_code == 404


def test_A13_it_ends_by_itself(doctor, patient):
    client = signed_in(doctor)
    break_glass(client, patient)
    EmergencyAccess.objects.update(expires_at=now() - timedelta(seconds=1))

    assert client.get(page_of(patient)).status_code == 404
    assert "Emergency access</strong>" not in client.get(reverse("worklist")).content.decode()

    assert services.end_lapsed() == 1
    assert services.end_lapsed() == 0
    (entry,) = entries(Action.GLASS_ENDED)
    assert (entry.actor_id, entry.detail["lapsed"]) == (None, True)


def test_A13_its_user_ends_it_and_nobody_else(doctor, patient):
    client = signed_in(doctor)
    break_glass(client, patient)
    address = reverse("patients:end-emergency", args=[EmergencyAccess.objects.get().pk])

    assert signed_in(make_user(Role.DOCTOR)).post(address).status_code == 404
    assert client.post(address).status_code == 302
    assert client.get(page_of(patient)).status_code == 404
    assert client.post(address).status_code == 409
    assert [entry.actor_id for entry in entries(Action.GLASS_ENDED)] == [doctor.pk]


def test_A13_Z08_every_page_read_is_an_entry_of_its_own_kind(doctor, patient):
    client = signed_in(doctor)
    break_glass(client, patient)
    client.get(page_of(patient))
    client.get(reverse("patients:history", args=[patient.pk]))

    (broken,) = entries(Action.GLASS_BROKEN)
    assert (broken.actor_id, broken.patient_id, broken.clinic_id) == (
        doctor.pk,
        patient.pk,
        patient.clinic_id,
    )
    assert WHY not in str(broken.detail)
    views = [entry.detail["view"] for entry in entries(Action.GLASS_READ)]
    assert views[:2] == ["patients:detail", "patients:history"]
    assert not entries(Action.RECORD_READ)
    assert "emergency" not in str(verify().findings)


def test_A13_the_clinics_officer_is_told_and_reviews_it(doctor, patient, officer):
    break_glass(signed_in(doctor), patient)
    address = reverse("patients:emergency-accesses")
    review = reverse("patients:review-emergency", args=[EmergencyAccess.objects.get().pk])
    page = signed_in(officer).get(address)
    assert_strict(page)
    assert WHY in page.content.decode()
    assert doctor.full_name in page.content.decode()
    foreign = make_user(Role.ADMIN, clinics=[make_clinic()])
    assert WHY not in signed_in(foreign).get(address).content.decode()
    assert signed_in(foreign).post(review).status_code == 404

    assert signed_in(officer).post(review).status_code == 302

    assert list(signed_in(officer).get(address).context["unseen"]) == []
    assert signed_in(officer).post(review).status_code == 409
    assert [entry.actor_id for entry in entries(Action.GLASS_REVIEWED)] == [officer.pk]


def test_A13_nobody_reviews_the_own_access(patient, officer):
    access = make_emergency(patient, opened_by=officer)

    answer = signed_in(officer).post(reverse("patients:review-emergency", args=[access.pk]))

    assert answer.status_code == 409


def test_A13_it_lands_in_the_daily_digest(doctor, patient):
    break_glass(signed_in(doctor), patient)
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("emergency_digest", stdout=out)

    assert ended.value.code == 1
    assert doctor.username in out.getvalue()
    assert "NOT REVIEWED" in out.getvalue()
    assert "Phantom" not in out.getvalue()
    EmergencyAccess.objects.update(created_at=now() - timedelta(hours=25))
    call_command("emergency_digest", stdout=(out := StringIO()))
    assert out.getvalue() == "0 in 24 hours\n"


def test_A13_who_reads_the_clinic_anyway_needs_none(patient, elsewhere):
    colleague = make_user(Role.DOCTOR, clinics=[elsewhere])
    assert break_glass(signed_in(colleague), patient).status_code == 409


@pytest.mark.parametrize("role", [Role.RECEPTIONIST, Role.RADIOGRAPHER, Role.RESEARCHER])
def test_A13_other_roles_cannot(role, patient):
    client = signed_in(make_user(role, clinics=[make_clinic()]))
    assert break_glass(client, patient).status_code == 403


def test_A13_a_merged_record_opens_the_one_it_is_part_of(doctor, patient, elsewhere):
    survivor = make_patient(elsewhere)
    keeper = make_user(Role.DOCTOR, clinics=[elsewhere])
    services.merge_patients(
        merged=patient, survivor=survivor, reason="One person.", merged_by=keeper
    )

    access = services.break_glass(
        clinic_id=elsewhere.pk,
        medical_record_number="ph 77",
        birth_date=PartialDate(BORN),
        reason=WHY,
        opened_by=doctor,
    )

    assert access.patient_id == survivor.pk
    with pytest.raises(NotFound):
        services.break_glass(
            clinic_id=make_clinic().pk,
            medical_record_number="PH-77",
            birth_date=PartialDate(BORN),
            reason=WHY,
            opened_by=doctor,
        )


def test_I1_A13_a_person_at_a_browser_opens_and_ends_it_over_http(doctor, patient, elsewhere):
    at_browser, by_key = Program(doctor, browser=True), Program(doctor)
    body = {
        "clinic": str(elsewhere.pk),
        "medical_record_number": "PH-77",
        "birth_date": "1961-03-14",
        "reason": WHY,
    }

    refused = by_key.post("/emergency-accesses/", body)
    opened = at_browser.post("/emergency-accesses/", body)
    record = at_browser.get(f"/patients/{patient.pk}/")
    ended = at_browser.post(f"/emergency-accesses/{opened.json()['id']}/end/")

    assert_problem(refused, 403, "insufficient_scope")
    assert (opened.status_code, opened.json()["patient"]) == (201, str(patient.pk))
    assert record.json()["family_name"] == "Phantom"
    assert ended.json()["ended_at"]
    assert_problem(at_browser.get(f"/patients/{patient.pk}/"), 404, "not_found")
    assert Action.GLASS_BROKEN in {entry.action for entry in entries()}


def test_I1_A13_the_officer_lists_and_reviews_it_over_http(doctor, patient, officer):
    access = make_emergency(patient, opened_by=doctor)
    watching = Program(officer)

    listed = watching.get("/emergency-accesses/").json()["results"]
    reviewed = watching.post(f"/emergency-accesses/{access.pk}/review/").json()

    assert [(each["id"], each["reviewed_at"]) for each in listed] == [(str(access.pk), None)]
    assert reviewed["reviewed_by"] == officer.full_name
    stranger = Program(make_user(Role.ADMIN, clinics=[make_clinic()]))
    assert stranger.get("/emergency-accesses/").json()["results"] == []
    again = stranger.post(f"/emergency-accesses/{access.pk}/review/")
    assert_problem(again, 404, "not_found")
