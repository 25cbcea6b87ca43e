"""Every address there is, called once: whoever gets an answer about a patient has left a trace.

The addresses come from the URL configuration. One that takes a new kind of key, or a form that
nobody filled in here, fails: say below what it is called with.
"""

from datetime import date
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, get_resolver, reverse

from analysis.models import Countersignature
from analysis.services.findings import record_finding
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.audit.trace import TracedModel
from patients import services
from tests.audit import entries
from tests.dicom_files import breast
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_arbitration,
    make_decision,
    make_job,
    make_mark,
    make_reading,
    make_recommendation,
    make_similar_cases,
)
from tests.factories.patients import make_course, make_cycle, make_pathology, make_patient
from tests.factories.scans import make_exam, make_mammogram, make_pair, make_unmatched_file, take_in
from tests.web import signed_in

pytestmark = pytest.mark.django_db

WITHOUT_PATIENTS = {  # addresses whose answers are about no patient
    "home",
    "about",
    "script_texts",
    "patients:new",
    "api:clinic-list",
    *(f"api:webhook-{what}" for what in ("list", "detail", "rotate")),
    *(f"api:webhook-delivery-{what}" for what in ("list", "detail", "resend")),
    "api:schema",
    "api:docs",
    "audit:index",
    "audit:trail",  # ids and codes: personal values in it are sealed
    "audit:export",
    "audit:verify",
    "system",
    "analysis:load-samples",  # refused where there are patients; tests/analysis/test_samples.py
    "audit:accesses",  # names people who opened a record, by its id
    "fhir:capabilities",
    "fhir:export",
    "fhir:export-status",
    "api:access-list",
    "analysis:state",  # a state in words, asked for every few seconds
    "patients:emergency",  # a form; what it opens is tested with it
    "patients:end-emergency",
    "patients:emergency-accesses",
    "patients:review-emergency",
    "analysis:agreement",  # counts
    "analysis:to-read",  # nothing, in a clinic that does not read blind
    "api:reader-agreement-list",
    "analysis:reference-picture",  # of nobody who is treated here
    "api:reference-picture-list",
    "api:reading-due",
    "api:arbitration-due",
    "api:system-list",
    "api:audit-chain-list",
    "api:audit-chain-verify",
    *(f"api:emergency-{what}" for what in ("list", "end", "review")),  # as its pages
}
ASKED_ELSEWHERE = {  # in tests/analysis/fhir/test_fhir.py
    "fhir:search",
    "fhir:export-file",
    "fhir:audit-events",
    "fhir:audit-event",
    "fhir:audit-search",
}
OF_ONES_OWN = ("account_", "mfa_", "usersessions_", "admin:")
# Refused here, where nothing was signed before, and a read all the same.
REFUSED = {
    "analysis:reading",
    "analysis:arbitrate",
    "api:reading-list",
    "api:arbitration-list",
    "analysis:amend",
    "analysis:countersign",
    "api:recommendation-amendment",
    "api:recommendation-countersignature",
}
READS_BY_POST = {"patients:search", "api:patient-search"}
PATCHED = {"api:patient-detail", "api:course-detail", "api:cycle-detail", "api:pathology-detail"}
WHY = "Said at the desk."


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def keys(clinic, store, tmp_path):
    """What the keys in addresses are called with; ``pk`` by the name of the address."""
    patient = make_patient(clinic)
    prior, current = make_pair(patient)
    signed = make_decision(make_recommendation(prior=prior, current=current))
    Countersignature.objects.create(
        clinic_id=clinic.pk, patient=patient, decision=signed, signed_by=make_user()
    )
    second = make_user(Role.DOCTOR, clinics=[clinic])
    prior, current = make_pair(patient, view="MLO")
    proposed = make_recommendation(prior=prior, current=current)
    waiting = make_pair(patient, laterality="R")  # for the worklist: the others get signed
    make_recommendation(prior=waiting[0], current=waiting[1])
    made = {
        "current_prediction": proposed.current_prediction,
        "prior_prediction": proposed.prior_prediction,
        "comparison": proposed.comparison,
    }
    course = make_course(patient)
    cycle = make_cycle(course)
    report = make_pathology(patient)
    services.record_consent(
        patient, purpose="RESEARCH", given=True, decided_on=date(2024, 1, 1), recorded_by=second
    )
    past = [
        services.record_history(patient, item=item, recorded_by=second)
        for item in ("HRT", "SYSTEMIC_THERAPY")
    ]
    merges = [
        services.merge_patients(
            merged=make_patient(clinic), survivor=patient, reason=WHY, merged_by=second
        )
        for _ in range(2)
    ]
    finding = record_finding(
        current,
        lesion=1,
        supersedes=0,
        shape="OVAL",
        margin="",
        density="",
        assessment="",
        recorded_by=second,
    )
    unmatched = take_in(clinic, tmp_path / "x.dcm", PatientID="NOBODY-1")
    another = {"pixels": breast(seed=8), "SOPInstanceUID": "2.25.82"}
    attached = take_in(clinic, tmp_path / "y.dcm", PatientID="NOBODY-2", **another)
    put_away = make_patient(clinic).pk  # archived, held and restored, page after page
    return {
        "patient_id": patient.pk,
        "course_id": course.pk,
        "cycle_id": cycle.pk,
        "report_id": report.pk,
        "entry_id": past[0].pk,
        "merge_id": merges[0].pk,
        "mammogram_id": current.pk,
        "exam_id": current.exam_id,
        "file_id": unmatched.pk,
        ("scans:discard", "file_id"): make_unmatched_file(clinic).pk,
        ("scans:unmatched-file", "file_id"): make_unmatched_file(clinic).pk,
        ("scans:unmatched-picture", "file_id"): make_unmatched_file(clinic).pk,
        "study": current.exam.study_instance_uid,
        "series": current.series_uid,
        "instance": current.sop_instance_uid,
        "number": "1",
        "recommendation_id": proposed.pk,
        "kind": "Patient",
        "key": str(patient.pk),
        "lesion": 2,
        ("analysis:request-pair", "mammogram_id"): waiting[1].pk,  # the other pair is for a retry
        ("analysis:request-pair", "prior_id"): waiting[0].pk,
        ("patients:archive", "patient_id"): put_away,
        ("patients:hold", "patient_id"): put_away,
        ("patients:restore", "patient_id"): put_away,
        ("api:patient-archive", "pk"): put_away,
        ("api:patient-hold", "pk"): put_away,
        ("api:patient-lift-hold", "pk"): put_away,
        ("api:patient-restore", "pk"): put_away,
        "api:course": course.pk,
        "api:cycle": cycle.pk,
        "api:pathology": report.pk,
        "api:history": past[1].pk,
        "api:merge": merges[1].pk,
        "api:finding": finding.pk,
        "api:unmatched-file": make_unmatched_file(clinic).pk,
        ("api:unmatched-file-attach", "pk"): attached.pk,
        ("api:unmatched-file-discard", "pk"): make_unmatched_file(clinic).pk,
        "api:lesion-mark": make_mark(prior).pk,
        "api:similar-cases": make_similar_cases(current).pk,
        "job_id": proposed.job_id,
        "name": "current",
        "which": "current",
        "laterality": "L",
        "api:reading": make_reading(current).pk,
        "api:arbitration": make_arbitration(current).pk,
        "api:patient": patient.pk,
        "api:exam": make_exam(patient).pk,
        "api:mammogram": make_mammogram(patient).pk,
        "api:analysis": make_job(current).pk,
        "api:exam-result": proposed.current.exam_id,
        "api:prediction": proposed.current_prediction_id,
        "api:comparison": proposed.comparison_id,
        "api:recommendation": make_recommendation(prior=prior, current=current, **made).pk,
        "api:decision": signed.pk,
    }


def forms(clinic, keys):
    """A valid form for each address that takes one."""
    identity = {
        "medical_record_number": "MRN 7",
        "family_name": "Okafor",
        "given_name": "Ada",
        "birth_date": "1970-05-17",
        "sex": "F",
    }
    course = {"kind": "CHEMOTHERAPY", "regimen": "AC-T", "start_date": "2024-01-10"}
    course |= {"planned_cycles": 8}
    cycle = {"number": 1, "given_date": "2024-01-10"}
    consent = {"purpose": "PROCEDURE", "decided_on": "2024-01-02"}
    history = {"item": "HRT", "began": "2015"}
    reason = {"reason": WHY}
    mark = {"x": 400, "y": 500, "radius": 80}
    twins = [make_patient(clinic, family_name="Lund", given_name=name) for name in ("Eva", "Ida")]
    pathology = {"laterality": "L", "result": "MALIGNANT", "report_date": "2024-01-03"}
    decision = {"choice": "refer", "reason": "A new lump.", "password": PASSWORD}
    later = decision | {"signatures_seen": 1}
    read = {"exam": str(keys["exam_id"])}
    return {
        "patients:search": {"text": "Okafor"},
        "patients:edit": identity | {"expected_version": 2, "duplicate_reason": WHY},
        "patients:archive": reason,
        "patients:restore": reason,
        "patients:hold": reason,
        "patients:merge": reason
        | {"record_number": twins[0].medical_record_number, "compared_with": str(twins[0].pk)},
        "patients:undo-merge": reason,
        "patients:consent": consent | {"given": "yes"},
        "patients:history": history,
        "patients:retract-history": reason,
        "patients:add-course": course,
        "patients:amend-course": course | {"regimen": "EC-T", "expected_version": 2},
        "patients:add-cycle": {"number": 2, "given_date": "2024-02-01"},
        "patients:amend-cycle": cycle | {"last_date": "2024-01-12", "expected_version": 2},
        "patients:add-pathology": pathology,
        "patients:amend-pathology": pathology | {"grade": 3, "expected_version": 2},
        "scans:store": {
            "confirmed_identifiers": BOTH,
            "file": picture(1),
            "laterality": "L",
            "view": "CC",
            "exam_date": DAY,
        },
        "scans:attach": {
            "patient": str(keys["patient_id"]),
            "confirmed_identifiers": BOTH,
            "identity_reason": WHY,
        },
        "scans:discard": {"reason": "NOT_OURS"},
        "analysis:sign": decision,
        "analysis:amend": later,
        "analysis:countersign": later,
        "analysis:retry": {},
        "analysis:reading": {"L": "2", "pictures": keys["mammogram_id"].hex},
        "analysis:arbitrate": {"category": "3", "reason": WHY},
        "api:reading-list": read | {"left": "2", "pictures": [str(keys["mammogram_id"])]},
        "api:arbitration-list": read | {"laterality": "L", "category": "3", "reason": WHY},
        "analysis:request-pair": {},
        "analysis:describe": {"shape": "ROUND", "supersedes": 0},
        "analysis:mark": mark | {"picture": "prior", "replaces": "another"},
        "api:patient-list": identity
        | {"clinic": str(clinic.pk), "medical_record_number": "8", "birth_date": "1950-01-01"}
        | {"family_name": "Sato", "given_name": "Mika"},
        "api:patient-detail": {"given_name": "Eva", "duplicate_reason": WHY},
        "api:patient-search": {"text": "Okafor"},
        "api:patient-archive": reason,
        "api:patient-restore": reason,
        "api:patient-hold": reason,
        "api:patient-lift-hold": reason,
        "api:merge-list": reason | {"merged": str(twins[1].pk)},
        "api:merge-undo": reason,
        "api:consent-list": consent | {"given": True},
        "api:history-list": history,
        "api:history-retract": reason,
        "api:course-list": course,
        "api:course-detail": {"regimen": "EC"},
        "api:cycle-detail": {"last_date": "2024-01-11"},
        "api:pathology-detail": {"grade": 2},
        "api:finding-list": {
            "mammogram": str(keys["mammogram_id"]),
            "lesion": 3,
            "shape": "OVAL",
        },
        "api:lesion-mark-list": mark | {"mammogram": str(keys["mammogram_id"])},
        "api:cycle-list": {"number": 3, "given_date": "2024-02-22"},
        "api:pathology-list": pathology,
        "api:mammogram-list": {
            "patient": str(keys["patient_id"]),
            "confirmed_identifiers": BOTH,
            "file": picture(2),
            "laterality": "R",
            "view": "CC",
            "exam_date": DAY,
        },
        "api:analysis-list": {"current": str(keys["mammogram_id"])},
        "api:unmatched-file-attach": {
            "patient": str(keys["patient_id"]),
            "confirmed_identifiers": BOTH,
            "identity_reason": WHY,
        },
        "api:unmatched-file-discard": {"reason": "NOT_OURS"},
        "api:recommendation-decision": decision,
        "api:recommendation-amendment": decision,
        "api:recommendation-countersignature": {"password": PASSWORD},
    }


DAY = date(2024, 3, 1).isoformat()
BOTH = ["name", "birth_date"]


def picture(seed):
    import cv2

    from tests.phantoms import phantom

    pixels = np.round(phantom(seed).pixels * 255).astype(np.uint8)
    return SimpleUploadedFile("x.png", cv2.imencode(".png", pixels)[1].tobytes())


def addresses(patterns=None, namespace="", inherited=()):
    """Every name, with the names of the keys it takes."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        taken = (*inherited, *pattern.pattern.converters)
        if isinstance(pattern, URLPattern):
            if pattern.name:
                yield f"{namespace}{pattern.name}", taken
        else:
            below = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern.url_patterns, below, taken)


def key_of(name, key, keys):
    if (name, key) in keys:
        return keys[name, key]
    if key != "pk":
        return keys[key]
    kinds = [each for each in keys if isinstance(each, str) and name.startswith(f"{each}-")]
    return keys[max(kinds, key=len)]


def answers_of(client, name, path, form):
    """The answer of the address to each method it has, one at a time."""
    as_json = name.startswith("api:") and "file" not in (form or {})
    seen = '"0"' if name == "api:recommendation-decision" else '"1"'
    options = {"headers": {"If-Match": seen, "Idempotency-Key": str(uuid4())}}
    if as_json:
        options["content_type"] = "application/json"
    answer = client.get(path)
    if answer.status_code != 405:
        yield "GET", answer
    else:
        assert form is not None, f"say what is posted to {name}"
    if name in PATCHED:
        yield "PATCH", client.patch(path, form, **options)
    elif form is not None:
        yield "POST", client.post(path, form, **options)


@pytest.mark.slow
def test_R10_A3_A4_every_answer_about_a_patient_leaves_a_trace(clinic, keys, store, hints):
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    filled = forms(clinic, keys)
    named = [(name, taken) for name, taken in addresses() if not name.startswith(OF_ONES_OWN)]
    client = signed_in(doctor)
    asked = 0
    for name, taken in sorted(set(named)):
        if name in WITHOUT_PATIENTS | ASKED_ELSEWHERE:
            continue
        path = reverse(name, kwargs={key: key_of(name, key, keys) for key in taken})
        for method, answer in answers_of(client, name, path, filled.get(name)):
            found = entries_since(doctor)
            asked += 1
            refusal = (404, 409, 412) if name in REFUSED else (404,)
            assert answer.status_code < 400 or answer.status_code in refusal, (name, answer.content)
            assert found, f"{method} {name} left no trace"
            changed = method != "GET" and name not in READS_BY_POST | REFUSED
            assert changed <= any(entry.action != Action.RECORD_READ for entry in found), name
    assert asked >= 75


def test_R10_A3_A4_the_administration_leaves_a_trace(clinic, keys):
    administrator = make_user(Role.ADMIN, clinics=[clinic])
    client = signed_in(administrator)
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    signed_in(doctor).get(reverse("patients:detail", args=[keys["patient_id"]]))
    entries()
    for model in admin.site._registry:
        if not issubclass(model, TracedModel):
            continue
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model.objects.exclude(patient_id=None).first()
        for path in (
            reverse(f"{base}_changelist"),
            reverse(f"{base}_change", args=[row.pk]),
            reverse(f"{base}_history", args=[row.pk]),
        ):
            answer = client.get(path)
            assert answer.status_code in (200, 403)
            assert entries_since(administrator), path


def test_R10_every_row_about_a_patient_is_noticed_when_it_is_loaded():
    from django.apps import apps

    about = [
        model
        for model in apps.get_models()
        if any(field.name in ("patient", "patient_id") for field in model._meta.fields)
        and model._meta.model_name != "auditdetail"  # read by its entry's reader only
    ]

    assert len(about) >= 11
    assert [model for model in about if not issubclass(model, TracedModel)] == []


_seen: set[UUID] = set()


def entries_since(user):
    """The user's entries since the last look, sign-ins aside."""
    entries()
    new = AuditEntry.objects.filter(actor=user).exclude(pk__in=_seen)
    found = [entry for entry in new if not entry.action.startswith("session.")]
    _seen.update(entry.pk for entry in found)
    return found
