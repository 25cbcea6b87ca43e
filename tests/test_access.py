"""Every address x method x role x clinic: what each answers, and that nothing else is there.

The addresses come from the URL configuration. One that is not listed below fails: say which
permission it needs, and what its keys are.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from analysis.models import AnalysisJob, Countersignature, Finding, LesionMark
from mammotrack.accounts.models import Clinic, Role
from mammotrack.accounts.policy import GRANTS
from mammotrack.accounts.policy import Permission as P
from patients import services as patients
from patients.models import HistoryEntry, Patient
from patients.partial_dates import PartialDate
from scans.services import Statement, store_mammogram
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import (
    make_arbitration,
    make_decision,
    make_job,
    make_mark,
    make_reading,
    make_recommendation,
    make_similar_cases,
)
from tests.factories.patients import (
    make_course,
    make_cycle,
    make_emergency,
    make_pathology,
    make_patient,
)
from tests.factories.scans import make_mammogram, make_pair, make_unmatched_file
from tests.factories.webhooks import make_delivery
from tests.phantoms import phantom
from tests.web import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

OPEN_TO_ALL = {"about", "account_login", "account_logout", "mfa_authenticate"}
OPEN_TO_ALL |= {"account_language", "script_texts", "api:schema", "api:docs"}
PROGRAMS = (
    "api:",
    "dicomweb:",
    "dicom-results:",
    "fhir:",
)  # these say themselves, by action, what they need
OF_ONES_OWN = ("home", "account_", "mfa_", "usersessions_")
PAGES = {  # what each page needs
    "patients:list": P.READ_PATIENTS,
    "patients:search": P.READ_PATIENTS,
    "patients:new": P.WRITE_PATIENTS,
    "patients:detail": P.READ_PATIENTS,
    "patients:edit": P.WRITE_PATIENTS,
    "patients:emergency": P.BREAK_GLASS,
    "patients:end-emergency": P.BREAK_GLASS,
    "patients:emergency-accesses": P.READ_AUDIT,
    "patients:review-emergency": P.READ_AUDIT,
    "patients:archived": P.READ_PATIENTS,
    "patients:archive": P.KEEP_RECORDS,
    "patients:restore": P.KEEP_RECORDS,
    "patients:hold": P.KEEP_RECORDS,
    "patients:merge": P.MERGE_PATIENTS,
    "patients:undo-merge": P.MERGE_PATIENTS,
    "patients:consent": P.RECORD_CONSENT,
    "patients:history": P.WRITE_PATIENTS,
    "patients:retract-history": P.WRITE_PATIENTS,
    "patients:add-course": P.WRITE_THERAPY,
    "patients:add-cycle": P.WRITE_THERAPY,
    "patients:amend-course": P.WRITE_THERAPY,
    "patients:amend-cycle": P.WRITE_THERAPY,
    "patients:add-pathology": P.WRITE_THERAPY,
    "patients:amend-pathology": P.WRITE_THERAPY,
    "scans:upload": P.UPLOAD_SCANS,
    "scans:store": P.UPLOAD_SCANS,
    "scans:display": P.READ_SCANS,
    "scans:pixels": P.READ_SCANS,
    "scans:thumbnail": P.READ_SCANS,
    "scans:unmatched": P.MATCH_FILES,
    "scans:unmatched-file": P.MATCH_FILES,
    "scans:unmatched-picture": P.MATCH_FILES,
    "scans:attach": P.MATCH_FILES,
    "scans:discard": P.MATCH_FILES,
    "worklist": P.READ_ANALYSES,
    "system": P.SEE_SYSTEM,
    "analysis:load-samples": P.LOAD_SAMPLES,
    "analysis:detail": P.READ_ANALYSES,
    "analysis:state": P.READ_ANALYSES,
    "analysis:sign": P.SIGN_DECISIONS,
    "analysis:amend": P.SIGN_DECISIONS,
    "analysis:countersign": P.SIGN_DECISIONS,
    "analysis:mark": P.MARK_LESIONS,
    "analysis:to-read": P.RECORD_READINGS,
    "analysis:reading": P.RECORD_READINGS,
    "analysis:arbitrate": P.RECORD_READINGS,
    "analysis:agreement": P.JUDGE_MODELS,
    "analysis:report": P.READ_ANALYSES,
    "analysis:retry": P.REQUEST_ANALYSES,
    "analysis:picture": P.READ_ANALYSES,
    "analysis:of-mammogram": P.READ_ANALYSES,
    "analysis:correspondence": P.READ_ANALYSES,
    "analysis:heat-map": P.READ_ANALYSES,
    "analysis:compare": P.READ_ANALYSES,
    "analysis:request-pair": P.REQUEST_ANALYSES,
    "analysis:hanging": P.READ_ANALYSES,
    "analysis:describe": P.RECORD_FINDINGS,
    "analysis:reference-picture": P.READ_ANALYSES,
    "audit:index": P.READ_AUDIT,
    "audit:accesses": P.READ_AUDIT,
    "audit:trail": P.READ_AUDIT,
    "audit:export": P.READ_AUDIT,
    "audit:verify": P.READ_AUDIT,
}
CHANGED_BY_API = {
    "api:patient-detail",
    "api:course-detail",
    "api:cycle-detail",
    "api:pathology-detail",
}
NEVER_SET = (
    *("id", "clinic", "patient", "version", "created_at", "merged_into", "archived_at"),
    *("erased_at", "hold_reason", "role", "status", "signed_by", "final_birads", "audit_seq"),
)
TOPS = ("media", "store", "static", "var/store", "objects", "derived")
NOBODYS = str(uuid4())
DISC = {"x": 9, "y": 9, "radius": 9}
IDENTITY = {
    "medical_record_number": "7",
    "family_name": "Sato",
    "given_name": "Mika",
    "birth_date": "1950-01-01",
    "sex": "F",
}
NAMES_NO_RECORD = {
    "audit:accesses",
    "api:access-list",
}  # as empty for a foreign patient as for one nobody opened
WITHOUT_ROWS = {"api:clinic-list", "api:system-list"}  # the own clinics; numbers
METHODS = ("get", "post", "patch", "put", "delete")


def addresses() -> Iterator[tuple[str, URLPattern]]:
    """Name and pattern of every address but the administration's, which has tests of its own."""

    def below(resolver: Any, namespace: str) -> Iterator[tuple[str, URLPattern]]:
        for pattern in resolver.url_patterns:
            if not hasattr(pattern, "url_patterns"):
                yield f"{namespace}{pattern.name}", pattern
            elif pattern.namespace != "admin":
                inner = f"{pattern.namespace}:" if pattern.namespace else ""
                yield from below(pattern, namespace + inner)

    yield from below(get_resolver(), "")


ADDRESSES = dict(addresses())
ABOUT_RECORDS = sorted(
    name for name in ADDRESSES if name not in OPEN_TO_ALL and not name.startswith(OF_ONES_OWN)
)


def keys_of(clinic: Clinic) -> dict[str, Any]:
    """What the keys in addresses stand for; ``pk`` by the name of its address."""
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    patient, other = make_patient(clinic), make_patient(clinic, medical_record_number="MERGED-1")
    course = make_course(patient)
    prior, current = make_pair(patient)
    recommendation = make_recommendation(prior=prior, current=current)
    decision = make_decision(recommendation)
    Countersignature.objects.create(
        clinic=clinic, patient=patient, decision=decision, signed_by=doctor
    )
    patients.record_history(
        patient, item="HRT", began=PartialDate.parse("2015"), recorded_by=doctor
    )
    entry = HistoryEntry.objects.get(patient=patient)
    cycle, report = make_cycle(course), make_pathology(patient)
    delivery = make_delivery(clinic)
    mark, similar = make_mark(prior), make_similar_cases(current)
    reading, arbitration = make_reading(current), make_arbitration(current)
    finding = Finding.objects.create(
        clinic=clinic,
        patient=patient,
        mammogram=current,
        lesion=1,
        revision=1,
        shape="OVAL",
        age=53,
        recorded_by=doctor,
    )
    merge = patients.merge_patients(
        merged=other, survivor=patient, reason="One person", merged_by=doctor
    )
    return {
        "patient_id": patient.pk,
        "course_id": course.pk,
        "cycle_id": cycle.pk,
        "report_id": report.pk,
        "entry_id": entry.pk,
        "merge_id": merge.pk,
        "mammogram_id": current.pk,
        "prior_id": prior.pk,
        "exam_id": current.exam_id,
        "job_id": recommendation.job_id,
        "access_id": make_emergency(patient).pk,
        "file_id": make_unmatched_file(clinic).pk,
        "study": current.exam.study_instance_uid,
        "series": current.series_uid,
        "instance": current.sop_instance_uid,
        "number": "1",
        "recommendation_id": recommendation.pk,
        "kind": "Patient",
        "key": str(patient.pk),
        "token": "of-another-user",
        "lesion": 1,
        "laterality": "L",
        "name": "current",
        "which": "current",
        "api:patient": patient.pk,
        "api:course": course.pk,
        "api:cycle": cycle.pk,
        "api:pathology": report.pk,
        "api:history": entry.pk,
        "api:merge": merge.pk,
        "api:exam": current.exam_id,
        "api:exam-result": current.exam_id,
        "api:mammogram": current.pk,
        "api:analysis": recommendation.job_id,
        "api:prediction": recommendation.current_prediction_id,
        "api:comparison": recommendation.comparison_id,
        "api:recommendation": recommendation.pk,
        "api:decision": decision.pk,
        "api:finding": finding.pk,
        "api:reading": reading.pk,
        "api:arbitration": arbitration.pk,
        "api:lesion-mark": mark.pk,
        "api:similar-cases": similar.pk,
        "api:unmatched-file": make_unmatched_file(clinic).pk,
        "api:emergency": make_emergency(patient).pk,
        "webhook_id": delivery.endpoint_id,
        "api:webhook": delivery.endpoint_id,
        "api:webhook-delivery": delivery.pk,
    }


def path_of(name: str, keys: dict[str, Any]) -> str:
    names = ADDRESSES[name].pattern.regex.groupindex
    kind = max((key for key in keys if name.startswith(f"{key}-")), key=len, default="")
    return reverse(name, kwargs={key: keys[kind if key == "pk" else key] for key in names})


def needed(name: str, method: str) -> P | None:
    """The permission that this method of this address needs; None where it has no such method."""
    view = ADDRESSES[name].callback
    actions = getattr(view, "actions", None)
    if actions is None:
        return PAGES[name]
    action = actions.get(method)
    return view.cls.permissions.get(action) if action else None


def has_keys(name: str) -> bool:
    return bool(set(ADDRESSES[name].pattern.regex.groupindex) - {"name", "kind"})


def ask(client: Client, method: str, path: str) -> int:
    status: int = getattr(client, method)(path).status_code
    return status


def test_Z01_every_address_is_listed():
    pages = {name for name in ABOUT_RECORDS if not name.startswith(PROGRAMS)}

    assert pages == set(PAGES)
    for name in ABOUT_RECORDS:
        if name.startswith(PROGRAMS):
            assert getattr(ADDRESSES[name].callback, "cls", None), name


def test_Z01_nobody_signed_in_sees_nothing():
    keys, anonymous = keys_of(make_clinic()), Client()

    for name in ABOUT_RECORDS:
        for method in METHODS:
            status = ask(anonymous, method, path_of(name, keys))
            assert status in ({401, 405} if name.startswith(PROGRAMS) else {302}), (name, method)


@pytest.mark.parametrize("role", list(Role))
def test_Z01_A2_each_role_gets_what_its_permissions_say(role):
    clinic = make_clinic()
    client, keys = signed_in(make_user(role, clinics=[clinic])), keys_of(clinic)

    for name in ABOUT_RECORDS:
        for method in METHODS:
            permission = needed(name, method)
            status = ask(client, method, path_of(name, keys))
            if permission is None or permission not in GRANTS[role]:
                assert status in {403, 405}, (name, method, status)
            else:
                assert status not in {401, 403, 500, 503}, (name, method, status)


@pytest.mark.parametrize("role", list(Role))
def test_Z02_A2_another_clinics_record_does_not_exist(role):
    client = signed_in(make_user(role, clinics=[make_clinic()]))
    foreign = keys_of(make_clinic())

    for name in filter(has_keys, ABOUT_RECORDS):
        for method in METHODS:
            status = ask(client, method, path_of(name, foreign))
            permitted = needed(name, method) in GRANTS[role] and name not in NAMES_NO_RECORD
            if name in NAMES_NO_RECORD and status == 200:
                answer = client.get(path_of(name, foreign))
                listed = "runs" if name == "audit:accesses" else "rows"
                rows = answer.json()["results"] if "api:" in name else answer.context[listed]
                assert (method, rows) == ("get", [])
                continue
            if name.startswith("dicomweb:") and status in {204, 415}:  # alike for what is absent
                continue
            assert status in ({404, 405} if permitted else {403, 404, 405}), (name, method, status)


def test_Z03_lists_hold_the_own_clinics_rows_only():
    keys_of(make_clinic())
    client = signed_in(make_user(Role.DOCTOR, clinics=[make_clinic()]))

    for name in ABOUT_RECORDS:
        is_list = name.startswith("api:") and name.endswith("-list")
        if is_list and not ADDRESSES[name].pattern.regex.groupindex:
            if needed(name, "get") not in GRANTS[Role.DOCTOR]:
                continue
            answer = client.get(reverse(name)).json()
            assert name in WITHOUT_ROWS or answer["results"] == [], name
    for name in ("worklist", "patients:list"):
        assert list(client.get(reverse(name)).context["page"].rows) == [], name


def test_Z03_search_finds_the_own_clinics_people_and_counts_nobody_else():
    clinic, other = make_clinic(), make_clinic()
    own = make_patient(clinic, family_name="Okafor")
    for _ in range(3):
        make_patient(other, family_name="Okafor")
    client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))

    page = client.post(reverse("patients:search"), {"text": "Okafor"})
    answer = client.post(
        reverse("api:patient-search"), {"text": "Okafor"}, content_type="application/json"
    ).json()

    assert [row.pk for row in page.context["page"].rows] == [own.pk]
    assert [row["id"] for row in answer["results"]] == [str(own.pk)]
    assert not {"count", "total"} & answer.keys()
    for order in ("medical_record_number", "-created_at", "clinic__name"):
        listed = client.get(reverse("api:patient-list"), {"ordering": order})
        assert listed.status_code == 400, order


def test_Z04_a_picture_is_reached_through_its_page_only(store):
    """By somebody of the clinic: there is no folder of files, and a shared link opens nothing."""
    clinic = make_clinic()
    patient = make_patient(clinic)
    stored = store_mammogram(
        patient=patient,
        chunks=[picture(1)],
        statement=Statement(
            laterality="L",
            view="CC",
            exam_date=date(2024, 1, 5),
            confirmed_identifiers=("name", "birth_date"),
        ),
        stored_by=make_user(Role.RADIOGRAPHER, clinics=[clinic]),
    ).mammogram
    link = reverse("scans:display", args=[stored.pk])
    doctor = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))
    files = [path for path in store.root.rglob("*") if path.is_file()]
    guesses = [f"/{top}/{path.relative_to(store.root)}" for path in files for top in TOPS]
    guesses += [f"/static/..%2f..%2f{path.relative_to('/')}" for path in files]

    assert doctor.get(link).status_code == 200
    assert ask(signed_in(make_user(Role.DOCTOR, clinics=[make_clinic()])), "get", link) == 404
    assert Client().get(link).headers["Location"] == f"/sign-in/?next={link}"
    assert guesses
    assert {ask(doctor, "get", guess) for guess in guesses} == {404}


def test_Z05_nothing_but_the_fields_of_a_form_can_be_set():
    clinic = make_clinic()
    client, keys = signed_in(make_user(Role.DOCTOR, clinics=[clinic])), keys_of(clinic)
    patched = [name for name in ABOUT_RECORDS if needed(name, "patch") and name in CHANGED_BY_API]
    before = Patient.objects.values().get(pk=keys["patient_id"])

    for name in patched:
        for field in NEVER_SET:
            answer = client.patch(
                path_of(name, keys),
                {field: str(make_clinic().pk)},
                content_type="application/json",
                headers={"If-Match": '"1"'},
            )
            refused = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
            assert (answer.status_code, refused) == (400, {(f"#/{field}", "unknown_field")}), name

    assert Patient.objects.values().get(pk=keys["patient_id"]) == before
    assert len(patched) == 4


def test_Z07_a_role_that_is_taken_away_counts_at_once():
    clinic = make_clinic()
    user = make_user(Role.DOCTOR, clinics=[clinic])
    client = signed_in(user)
    assert ask(client, "get", reverse("worklist")) == 200

    user.role = Role.RECEPTIONIST
    user.save()

    assert ask(client, "get", reverse("worklist")) == 403


def test_Z07_a_clinic_that_is_taken_away_counts_at_once():
    clinic = make_clinic()
    user = make_user(Role.DOCTOR, clinics=[clinic])
    client, page = signed_in(user), reverse("patients:detail", args=[make_patient(clinic).pk])
    assert ask(client, "get", page) == 200

    user.memberships.all().delete()

    assert ask(client, "get", page) == 404


def test_Z09_a_picture_of_another_patient_is_not_under_this_one():
    clinic = make_clinic()
    client, keys = signed_in(make_user(Role.DOCTOR, clinics=[clinic])), keys_of(clinic)
    stranger = make_patient(clinic, medical_record_number="OTHER-1").pk

    for name in filter(has_keys, ABOUT_RECORDS):
        kinds = set(ADDRESSES[name].pattern.regex.groupindex)
        if "patient_id" in kinds and len(kinds) > 1:
            path = path_of(name, keys | {"patient_id": stranger})
            statuses = {ask(client, method, path) for method in ("get", "post", "patch")}
            assert statuses <= {404, 405}, (name, statuses)


def test_Z13_how_far_an_analysis_is_is_told_inside_the_clinic_only():
    clinic = make_clinic()
    job = make_job(make_mammogram(make_patient(clinic)))
    colleague, stranger = (
        signed_in(make_user(Role.DOCTOR, clinics=[each])) for each in (clinic, make_clinic())
    )

    for path in (
        reverse("analysis:state", args=[job.pk]),
        reverse("analysis:detail", args=[job.pk]),
        reverse("api:analysis-detail", args=[job.pk]),
    ):
        assert ask(colleague, "get", path) == 200
        foreign, absent = stranger.get(path), stranger.get(path.replace(str(job.pk), NOBODYS))
        assert (foreign.status_code, absent.status_code) == (404, 404)


@pytest.mark.parametrize(
    ("name", "field", "kind", "rest"),
    [
        ("api:analysis-list", "prior", "mammogram_id", {"current": "own"}),
        ("api:lesion-mark-list", "supersedes", "api:lesion-mark", {"mammogram": "own", **DISC}),
        ("api:mammogram-list", "patient", "patient_id", {}),
        ("api:merge-list", "merged", "patient_id", {"reason": "One person."}),
        ("api:patient-list", "clinic", "clinic", IDENTITY),
        ("api:analysis-list", "current", "mammogram_id", {}),
        ("api:lesion-mark-list", "mammogram", "mammogram_id", DISC),
        ("api:finding-list", "mammogram", "mammogram_id", {"lesion": 1, "shape": "OVAL"}),
    ],
)
def test_Z15_a_key_of_another_clinic_in_a_body_does_not_exist(name, field, kind, rest):
    clinic, other = make_clinic(), make_clinic()
    own, foreign = keys_of(clinic), keys_of(other) | {"clinic": other.pk}
    client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))
    body = {key: own["mammogram_id"] if value == "own" else value for key, value in rest.items()}
    body |= {field: str(foreign[kind])}
    path = path_of(name, own | {"api:merge": own["patient_id"]})
    once = {"Idempotency-Key": NOBODYS}
    before = Patient.objects.count(), AnalysisJob.objects.count(), LesionMark.objects.count()

    if name == "api:mammogram-list":
        body |= {"file": SimpleUploadedFile("x.png", picture(1))}
        answer = client.post(path, body, headers=once)
    else:
        answer = client.post(path, body, content_type="application/json", headers=once)

    assert answer.status_code == 404, answer.content
    assert before == (
        Patient.objects.count(),
        AnalysisJob.objects.count(),
        LesionMark.objects.count(),
    )


def picture(seed: int) -> bytes:
    pixels = np.round(phantom(seed).pixels * 255).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()
