"""S11: the trail as a page: who did what, whether it is whole, and as a table."""

import csv
import io
from datetime import date

import pytest
from django.urls import reverse

from mammotrack.accounts.models import Role, User
from mammotrack.accounts.policy import Scope
from mammotrack.audit import spool
from mammotrack.audit.chain import collection
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.audit.trail import COLUMNS, safe_cell
from patients.models import Patient
from patients.services import register_patient
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.web import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def admin(clinic) -> User:
    return make_user(Role.ADMIN, clinics=[clinic])


@pytest.fixture
def patient(clinic):
    """Registered as a clinic does, so that its row has its entry in the chain."""
    return registered(clinic)


def registered(clinic, number: str = "MT-1") -> Patient:
    return register_patient(
        clinic_id=clinic.pk,
        medical_record_number=number,
        family_name=f"Okafor{number}",
        given_name="Ada",
        birth_date=date(1970, 5, 17),
        sex="F",
        registered_by=make_user(Role.DOCTOR, clinics=[clinic]),
        duplicate_reason="Two sisters.",
    )


def opened_by(user: User, patient) -> None:
    signed_in(user).get(reverse("patients:detail", args=[patient.pk]))
    spool.drain()


def rows_for(admin: User, **query: str) -> list:
    """Every entry shown, whether on a line of its own or not."""
    runs = signed_in(admin).get(reverse("audit:trail"), query).context["runs"]
    return [row for run in runs for row in run]


def test_s11_opening_a_patient_adds_one_row_that_names_the_reader(clinic, admin, patient):
    doctor = make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Vera Lund")

    opened_by(doctor, patient)

    [row] = rows_for(admin, action=Action.RECORD_READ)
    assert (row.who, row.place, row.patient_id) == (
        "Dr. Vera Lund",
        "patients:detail",
        str(patient.pk),
    )


def test_s11_filters_narrow_and_a_wrong_one_says_so(clinic, admin, patient):
    doctor, other = (make_user(Role.DOCTOR, clinics=[clinic]) for _ in range(2))
    opened_by(doctor, patient)
    opened_by(other, registered(clinic, number="MT-2"))

    assert len(rows_for(admin)) == 4
    assert [row.who for row in rows_for(admin, actor=str(doctor.pk))] == [doctor.full_name]
    assert len(rows_for(admin, patient=str(patient.pk))) == 2
    assert len(rows_for(admin, action=Action.RECORD_READ)) == 2
    assert rows_for(admin, action=Action.DECISION_SIGNED) == []
    assert rows_for(admin, until="2001-01-01") == []
    answer = signed_in(admin).get(reverse("audit:trail"), {"since": "yesterday"})
    assert "From" in answer.content.decode()
    assert answer.context["form"].errors


@pytest.mark.parametrize("page", ["audit:trail", "audit:accesses"])
def test_s11_reads_of_one_kind_stand_on_one_line_and_a_change_alone(clinic, admin, patient, page):
    doctor, other = (make_user(Role.DOCTOR, clinics=[clinic]) for _ in range(2))
    for reader in (doctor, doctor, doctor, other, doctor):
        opened_by(reader, patient)

    arguments = [patient.pk] if page == "audit:accesses" else []
    answer = signed_in(admin).get(reverse(page, args=arguments))

    assert [[row.seq for row in run] for run in answer.context["runs"]] == [
        [6],
        [5],
        [4, 3, 2],
        [1],
    ]
    assert [run[0].deed for run in answer.context["runs"]][2:] == [
        "Record read",
        "Patient registered",
    ]
    text = answer.content.decode()
    assert "#2–#4" in text
    assert "3 times, since" in text


def test_s11_a_refused_change_is_told_from_a_read(clinic, admin, patient):
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    address = reverse("patients:add-pathology", args=[patient.pk])

    assert signed_in(doctor).post(address, {"result": "MAYBE"}).status_code == 422
    spool.drain()

    [row] = rows_for(admin, action=Action.RECORD_READ)
    assert (row.place, row.deed) == ("patients:add-pathology", "Record read, request refused")


def test_z03_another_clinics_trail_is_not_shown(clinic, patient):
    opened_by(make_user(Role.DOCTOR, clinics=[clinic]), patient)

    stranger = make_user(Role.ADMIN, clinics=[make_clinic()])

    assert rows_for(stranger) == []
    assert signed_in(stranger).get(reverse("audit:trail")).context["chains"][0].entries == 0


def test_s11_the_badge_names_the_entry_that_was_altered(clinic, admin, patient):
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    for _ in range(3):
        opened_by(doctor, patient)
    client = signed_in(admin)
    before = client.get(reverse("audit:trail")).content.decode()
    whole = client.post(reverse("audit:verify"), follow=True).content.decode()

    collection(AuditEntry).update_one(
        {"chain": str(clinic.pk), "seq": 2}, {"$set": {"role": "ADMIN"}}
    )
    broken = client.post(reverse("audit:verify"), follow=True).content.decode()

    assert "4 entries, not verified lately" in before
    assert "UTC up to #4" in whole
    assert "Broken at entry #2" in broken


def test_s11_the_export_holds_what_the_page_shows_in_safe_cells(clinic, admin, patient):
    doctor = make_user(Role.DOCTOR, clinics=[clinic], full_name="=HYPERLINK(1)")
    opened_by(doctor, patient)

    wanted = {"action": Action.RECORD_READ}
    answer = signed_in(admin).get(reverse("audit:export"), wanted)
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert [line["name"] for line in lines] == ["'=HYPERLINK(1)"]
    assert tuple(lines[0]) == COLUMNS
    assert patient.family_name not in str(lines)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_i05_a_cell_that_a_spreadsheet_would_run_is_text(text):
    assert safe_cell(text) == f"'{text}"


def test_I1_the_chains_are_verified_over_http(clinic, admin, patient):
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    for _ in range(3):
        opened_by(doctor, patient)
    program = Program(admin, scopes=[Scope.AUDIT_READ])
    before = program.get("/audit-chains/").json()["results"]
    whole = program.post("/audit-chains/verify/").json()["results"]

    collection(AuditEntry).update_one(
        {"chain": str(clinic.pk), "seq": 2}, {"$set": {"role": "ADMIN"}}
    )
    broken = program.post("/audit-chains/verify/").json()["results"]

    assert [(each["clinic"], each["is_intact"]) for each in before] == [(str(clinic.pk), False)]
    assert [(each["is_intact"], each["bad_entry"]) for each in whole] == [(True, None)]
    assert [(each["is_intact"], each["bad_entry"]) for each in broken] == [(False, 2)]
    assert_problem(Program(doctor).get("/audit-chains/"), 403, "forbidden")
