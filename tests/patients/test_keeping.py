"""Records are put away, held and kept: nobody removes them."""

from datetime import date, timedelta

import pytest
from django.contrib import admin
from django.db.models import ProtectedError
from django.urls import reverse

from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from mammotrack.audit.selectors import private_values
from mammotrack.errors import Forbidden
from patients import services
from patients.errors import RecordArchived
from patients.models import Patient
from patients.selectors import search_patients
from patients.services.keeping import HoldUnchanged, NotArchived, RecordKept
from scans.services import Statement, store_mammogram
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_decision, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db

WHY = "Moved to another clinic."


@pytest.fixture
def patient():
    return make_patient()


@pytest.fixture
def doctor(patient):
    return make_user(Role.DOCTOR, clinics=[patient.clinic])


def test_A8_a_patient_with_a_signed_decision_cannot_be_removed(patient, doctor):
    prior, current = make_pair(patient)
    decision = make_decision(make_recommendation(prior=prior, current=current))
    manager = make_user(Role.ADMIN, clinics=[patient.clinic])

    assert not admin.site.is_registered(Patient)
    for user in (doctor, manager):
        api = Program(user).client.delete(f"/api/v1/patients/{patient.pk}/")
        assert api.status_code in {403, 405}
    for remove in (patient.delete, Patient.objects.filter(pk=patient.pk).delete):
        with pytest.raises(TypeError, match="never removed"):
            remove()
    for evidence in (current, decision.recommendation):
        with pytest.raises(ProtectedError):
            evidence.delete()

    assert Patient.objects.filter(pk=patient.pk).exists()


def test_A8_archiving_takes_a_record_out_of_sight_and_restoring_brings_it_back(patient, doctor):
    program = Program(doctor)
    here = f"/patients/{patient.pk}/"

    archived = program.post(f"{here}archive/", {"reason": WHY})
    assert (archived.status_code, archived.json()["archived_at"] is None) == (200, False)
    assert list(search_patients(doctor, patient.family_name)) == []
    refused = program.post(
        f"{here}therapy-courses/", {"kind": "SURGERY", "regimen": "x", "start_date": "2024-01-01"}
    )
    assert_problem(refused, 409, "patient_archived")
    assert_problem(program.post(f"{here}archive/", {"reason": WHY}), 409, "patient_archived")
    assert program.get(here).status_code == 200

    restored = program.post(f"{here}restore/", {"reason": "Came back."})
    assert restored.json()["archived_at"] is None
    assert list(search_patients(doctor, patient.family_name)) == [patient]
    assert_problem(program.post(f"{here}restore/", {"reason": WHY}), 409, "not_archived")
    acts = AuditEntry.objects.filter(object_id=patient.pk).order_by("created_at")
    assert [(entry.action, private_values(entry)) for entry in acts if entry.private_sha256] == [
        ("patient.archived", {"reason": WHY}),
        ("patient.restored", {"reason": "Came back."}),
    ]


def test_A8_every_act_needs_a_reason_and_the_role(patient, doctor):
    acts = [
        (services.archive_patient, "archived_by"),
        (services.place_hold, "placed_by"),
        (services.lift_hold, "lifted_by"),
        (services.restore_patient, "restored_by"),
    ]
    clerk = make_user(Role.RECEPTIONIST, clinics=[patient.clinic])
    manager = make_user(Role.ADMIN, clinics=[patient.clinic])
    for act, by in acts:
        with pytest.raises(Exception, match="Say why"):
            act(patient, reason=" no ", **{by: doctor})
        for user in (clerk, manager):
            with pytest.raises(Forbidden):
                act(patient, reason=WHY, **{by: user})
    assert not AuditEntry.objects.exists()


def test_A8_erasure_waits_for_archive_retention_and_hold(patient, doctor, settings):
    settings.RETENTION_YEARS = 10
    until = services.kept_until(patient)
    assert until.year == patient.created_at.year + 10
    after = until + timedelta(days=1)

    def why(on: date) -> str:
        with pytest.raises(RecordKept) as refusal:
            services.require_erasable(patient, on=on)
        return refusal.value.context["why"]

    assert why(after) == "in_use"
    services.archive_patient(patient, reason=WHY, archived_by=doctor)
    patient.refresh_from_db()
    after = services.kept_until(patient) + timedelta(days=1)
    assert why(after - timedelta(days=2)) == "retention"
    services.place_hold(patient, reason="Court case.", placed_by=doctor)
    assert why(after) == "legal_hold"
    services.lift_hold(patient, reason="Case closed.", lifted_by=doctor)

    services.require_erasable(patient, on=after)


def test_A8_a_hold_of_a_merged_record_holds_the_whole(patient, doctor):
    held = make_patient(patient.clinic)
    services.place_hold(held, reason="Court case.", placed_by=doctor)
    services.merge_patients(merged=held, survivor=patient, reason="One person.", merged_by=doctor)
    services.archive_patient(patient, reason=WHY, archived_by=doctor)

    with pytest.raises(RecordKept, match="legal hold"):
        services.require_erasable(patient, on=date(2999, 1, 1))


def test_A8_a_hold_is_placed_and_lifted_once(patient, doctor):
    with pytest.raises(HoldUnchanged):
        services.lift_hold(patient, reason="Case closed.", lifted_by=doctor)
    services.place_hold(patient, reason="Court case.", placed_by=doctor)
    with pytest.raises(HoldUnchanged):
        services.place_hold(patient, reason="Another case.", placed_by=doctor)
    with pytest.raises(NotArchived):
        services.restore_patient(patient, reason=WHY, restored_by=doctor)


def test_A8_an_archived_record_takes_no_upload(patient, doctor, store):
    services.archive_patient(patient, reason=WHY, archived_by=doctor)

    with pytest.raises(RecordArchived):
        store_mammogram(patient=patient, chunks=[b"x"], statement=Statement(), stored_by=doctor)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_A8_records_are_put_away_and_found_again_on_pages(patient, doctor):
    browser = signed_in(doctor)

    for name in ("archive", "hold"):
        path = reverse(f"patients:{name}", args=[patient.pk])
        assert_strict(browser.get(path))
        assert browser.post(path, {"reason": WHY}).status_code == 302
    archived = browser.get(reverse("patients:archived"))
    page = browser.get(reverse("patients:detail", args=[patient.pk])).content.decode()

    assert list(archived.context["page"].rows) == [patient]
    assert f"Legal hold: {WHY}" in page
    assert "It takes no entries." in page
    assert (
        browser.post(reverse("patients:restore", args=[patient.pk]), {"reason": WHY}).status_code
        == 302
    )
    stranger = signed_in(make_user(Role.DOCTOR, clinics=[make_clinic()]))
    assert stranger.get(reverse("patients:archive", args=[patient.pk])).status_code == 404
