"""What leaves for research: all that matters, nothing that names, and only of the willing."""

import json
import re
import tracemalloc
from collections import defaultdict
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from analysis.research import export_lines
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action
from patients.services import record_consent, record_history
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_decision, make_recommendation
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.factories.scans import make_pair

pytestmark = pytest.mark.django_db

CANARY = "Zzyzxova"


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic], full_name=f"Dr. {CANARY}")


def asked(patient, doctor, *, given: bool):
    record_consent(
        patient, purpose="RESEARCH", given=given, decided_on=date(2024, 1, 1), recorded_by=doctor
    )


def a_course(clinic, doctor, **identity):
    patient = make_patient(clinic, **identity)
    course = make_course(patient, regimen=f"As {CANARY}", start_date=date(2024, 1, 10))
    make_cycle(course, 1, given_date=date(2024, 1, 10))
    make_cycle(course, 4, given_date=date(2024, 3, 13))
    make_pathology(patient)
    prior, current = make_pair(patient)
    decision = make_decision(
        make_recommendation(prior=prior, current=current), reason=f"So said {CANARY}."
    )
    record_history(patient, item="HRT", note=CANARY, recorded_by=doctor)
    return patient, current, decision


# Of a course, in the order of its rows. A shifted one may be the true one of another.
DATES = {
    "started": ["2024-01-10"],
    "given": ["2024-01-10", "2024-03-13"],
    "reported": ["2024-01-03"],
    "taken": ["2024-01-05", "2024-07-05"],
}


def dates_in(lines):
    """Whatever is a date, by the name of its field."""
    found = defaultdict(list)
    for line in lines:
        for name, value in json.loads(line).items():
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", str(value)):
                found[name].append(value)
    return found


def rows_of(clinic):
    return [json.loads(line) for line in export_lines(clinic, exported_by=None)]


def test_R1_I10_nobody_is_named_and_no_id_or_date_is_true(clinic, doctor):
    patient, current, decision = a_course(
        clinic,
        doctor,
        family_name=CANARY,
        given_name=CANARY,
        medical_record_number=CANARY,
        phone="0151 2345678",
        birth_date=date(1913, 7, 29),
    )
    asked(patient, doctor, given=True)

    lines = list(export_lines(clinic, exported_by=None))

    text = "\n".join(lines)
    named = [CANARY, "0151 2345678", "01512345678", "1913-07", "19130729", "29.07.1913"]
    for key in (patient.pk, current.pk, decision.pk, current.exam_id, clinic.pk, doctor.pk):
        named += [str(key), key.hex]
    named += [current.sop_instance_uid, current.sha256, current.pixel_sha256]
    for hidden in named:
        assert hidden not in text, hidden
    told, true = dates_in(lines), DATES | {"signed": [str(decision.signed_at.date())]}
    assert told.keys() == true.keys()
    for name, days in true.items():
        assert all(said < day for said, day in zip(told[name], days, strict=True)), name
    assert {row["kind"] for row in map(json.loads, lines)} == {
        "patient",
        "therapy_course",
        "cycle",
        "pathology_report",
        "mammogram",
        "prediction",
        "comparison",
        "decision",
    }
    assert {row["age"] for row in map(json.loads, lines) if row["kind"] == "mammogram"} == {"90+"}


def test_R1_what_lies_between_two_dates_stays_true(clinic, doctor):
    patient, current, _ = a_course(clinic, doctor)
    asked(patient, doctor, given=True)

    rows = rows_of(clinic)

    def day(kind, name, **of):
        found = (r for r in rows if r["kind"] == kind and of.items() <= r.items())
        return date.fromisoformat(next(found)[name])

    began = day("therapy_course", "started")
    assert day("cycle", "given", number=4) - began == timedelta(days=63)
    scans = sorted(date.fromisoformat(r["taken"]) for r in rows if r["kind"] == "mammogram")
    assert scans[-1] - began == current.exam_date - date(2024, 1, 10)
    assert timedelta(days=1) <= date(2024, 1, 10) - began <= timedelta(days=365)


def test_R1_S13_who_did_not_agree_or_took_it_back_is_absent(clinic, doctor):
    willing, _, _ = a_course(clinic, doctor)
    withdrawn, _, _ = a_course(clinic, doctor)
    a_course(clinic, doctor)  # never asked
    elsewhere, _, _ = a_course(make_clinic(), doctor)
    for patient in (willing, withdrawn, elsewhere):
        asked(patient, doctor, given=True)
    asked(withdrawn, doctor, given=False)

    assert len({row["subject"] for row in rows_of(clinic)}) == 1
    (entry,) = entries(Action.RESEARCH_EXPORTED)
    assert entry.detail["patients"] == [willing.pk.hex]


def test_R1_two_exports_cannot_be_joined(clinic, doctor):
    patient, _, _ = a_course(clinic, doctor)
    asked(patient, doctor, given=True)

    first, second = rows_of(clinic), rows_of(clinic)

    assert first[0]["subject"] != second[0]["subject"]


@pytest.mark.slow
def test_I10_memory_does_not_grow_with_the_rows(clinic, doctor):
    def peak(patients: int) -> int:
        for _ in range(patients):
            asked(make_patient(clinic), doctor, given=True)
        list_once = sum(1 for _ in export_lines(clinic, exported_by=None))  # what is loaded once
        tracemalloc.start()
        count = sum(1 for _ in export_lines(clinic, exported_by=None))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == list_once
        return most

    few, many = peak(100), peak(300)

    assert (many - few) / 300 < 2500, (few, many)  # bytes: what is kept of each is its id


def test_R1_the_command_writes_a_new_file(clinic, doctor, tmp_path):
    patient, _, _ = a_course(clinic, doctor)
    asked(patient, doctor, given=True)
    file, said = tmp_path / "rows.ndjson", StringIO()

    call_command("export_research", clinic.name, file, stdout=said)

    lines = file.read_text().splitlines()
    assert said.getvalue() == f"{len(lines)} rows.\n"
    with pytest.raises(CommandError, match="exists"):
        call_command("export_research", clinic.name, file)
    with pytest.raises(CommandError, match="no clinic"):
        call_command("export_research", "Elsewhere", tmp_path / "other")
