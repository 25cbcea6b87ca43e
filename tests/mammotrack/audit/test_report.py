"""Who opened this record: complete, scoped by clinic, and there after people have left."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit import spool
from tests.api import Program
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def patient(clinic):
    """Opened by two, one of whom has left since; another patient was opened too."""
    patient = make_patient(clinic, family_name="Quisling")
    leaver = make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Eva Lind", username="eva")
    signed_in(leaver).get(reverse("patients:detail", args=[patient.pk]))
    Program(make_user(Role.INTEGRATOR, clinics=[clinic], username="gateway")).get("/patients/")
    signed_in(leaver).get(reverse("patients:detail", args=[make_patient(clinic).pk]))
    leaver.is_active = False
    leaver.save()
    return patient


def test_A4_the_page_names_everybody_and_not_the_patient(patient, clinic):
    spool.drain()
    page = signed_in(make_user(Role.ADMIN, clinics=[clinic]))

    asked = page.post(reverse("audit:index"), {"patient_id": str(patient.pk)})
    answer = page.get(asked.headers["Location"])

    assert_strict(answer)
    rows = [run[0] for run in answer.context["runs"]]
    assert [(row.actor.username, row.view, row.auth) for row in rows] == [
        ("gateway", "api:patient-list", "token"),
        ("eva", "patients:detail", "session"),
    ]
    assert "Dr. Eva Lind <span" in answer.content.decode()
    assert "Quisling" not in answer.content.decode()


def test_A4_another_clinics_records_are_not_reported(patient):
    spool.drain()
    page = signed_in(make_user(Role.ADMIN, clinics=[make_clinic()]))

    answer = page.get(reverse("audit:accesses", args=[patient.pk]))

    assert answer.context["runs"] == []
    assert page.post(reverse("audit:index"), {"patient_id": "x"}).status_code == 422


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.ADMIN])
def test_A4_only_administrators_ask(role, patient, clinic):
    page = signed_in(make_user(role, clinics=[clinic]))

    assert page.get(reverse("audit:accesses", args=[patient.pk])).status_code == 403
    assert page.get(reverse("audit:index")).status_code == 403


def test_A4_the_command_lists_the_same(patient):
    out = StringIO()

    call_command("audit_report", "--patient", str(patient.pk), stdout=out)

    lines = out.getvalue().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["gateway", "eva"]
