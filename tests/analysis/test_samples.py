"""Sample patients: for administrators, where nobody is treated yet, in a clinic of their own."""

import pytest
from django.contrib.auth import authenticate
from django.urls import reverse

from analysis.demo import patients as samples
from analysis.services.samples import CLINIC_NAME, KEEPER, LOAD_SAMPLE, load_sample
from mammotrack import queue
from mammotrack.accounts.models import Clinic, Membership, Role, User
from mammotrack.audit.models import Action
from patients.models import Patient
from scans.models import Mammogram
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.web import signed_in

pytestmark = pytest.mark.django_db

DIGITAL = "DEMO-003"


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr(queue, "hint", lambda *hint: sent.append(hint))
    return sent


@pytest.fixture
def asked(hinted) -> User:
    """An administrator who asked for them."""
    administrator = make_user(Role.ADMIN)
    assert signed_in(administrator).post(reverse("analysis:load-samples")).status_code == 302
    return administrator


def test_s19_the_people_of_the_installation_become_members_and_a_worker_is_told(hinted):
    doctor, program = make_user(Role.DOCTOR), make_user(Role.INTEGRATOR)
    administrator = make_user(Role.ADMIN)

    signed_in(administrator).post(reverse("analysis:load-samples"))

    clinic = Clinic.objects.get(name=CLINIC_NAME)
    members = set(Membership.objects.filter(clinic=clinic).values_list("user_id", flat=True))
    assert members == {doctor.pk, administrator.pk, User.objects.get(username=KEEPER).pk}
    assert program.pk not in members
    assert hinted == [(LOAD_SAMPLE, number) for number in samples.numbers()]
    by_action = {entry.action: entry for entry in entries() if entry.actor_id == administrator.pk}
    assert by_action[Action.SAMPLES_REQUESTED].clinic_id == clinic.pk
    assert str(clinic.pk) in str(by_action[Action.PEOPLE_CHANGED].detail["clinics"])


def test_s19_loading_again_adds_nothing(asked, store, hints):
    for _ in range(2):
        load_sample(DIGITAL)

    patient = Patient.objects.get()
    assert (patient.medical_record_number, patient.clinic.name) == (DIGITAL, CLINIC_NAME)
    assert Mammogram.objects.count() == samples.SAMPLES[DIGITAL].pictures == len(hints)
    page = signed_in(asked).get(reverse("system"))
    assert page.context["samples"].stored == 2


def test_s19_nobody_signs_in_as_the_account_that_keeps_them(asked):
    keeper = User.objects.get(username=KEEPER)

    assert not keeper.has_usable_password()
    assert authenticate(None, username=KEEPER, password="") is None


@pytest.mark.parametrize("in_sample_clinic", [True, False])
def test_s19_where_somebody_is_registered_there_are_none(hinted, in_sample_clinic):
    clinic = Clinic.objects.create(name=CLINIC_NAME) if in_sample_clinic else make_clinic()
    make_patient(clinic)
    client = signed_in(make_user(Role.ADMIN, clinics=[clinic]))

    page = client.get(reverse("system"))
    answer = client.post(reverse("analysis:load-samples"))

    assert page.context["samples"] is None
    assert answer.status_code == 409
    assert hinted == []
    assert not User.objects.filter(username=KEEPER).exists()


def test_s19_only_an_administrator_is_offered_them():
    for role in (Role.DOCTOR, Role.RADIOGRAPHER):
        assert signed_in(make_user(role)).get(reverse("system")).context["samples"] is None


def test_s19_without_the_films_the_digital_pictures_remain(monkeypatch):
    monkeypatch.setattr(samples, "find_spec", lambda _name: None)

    assert (samples.numbers(), samples.picture_count()) == (["DEMO-003", "DEMO-004"], 4)
