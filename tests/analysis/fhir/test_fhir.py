"""FHIR R4: every resource held against the published model, by a library nobody here wrote."""

import json
import tracemalloc
from datetime import date
from importlib import import_module
from urllib.parse import urlsplit

import pytest
from django.test import Client

from analysis.choices import Proposal
from analysis.models import Finding, Recommendation
from mammotrack.accounts.models import Role
from mammotrack.accounts.policy import Scope
from patients.choices import TherapyKind
from patients.models import Patient
from tests.audit import reads
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.factories.analysis import (
    make_comparison,
    make_decision,
    make_prediction,
    make_recommendation,
)
from tests.factories.patients import make_course, make_cycle, make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.in_process import HOST, session_of

pytestmark = pytest.mark.django_db

BASE = f"{HOST}/fhir/R4"
KINDS = [
    "Patient",
    "ImagingStudy",
    "Observation",
    "DiagnosticReport",
    "ServiceRequest",
    "Procedure",
    "MedicationAdministration",
    "Provenance",
]


@pytest.fixture
def record(clinic, doctor):
    """A patient with therapy, two exams, findings of both kinds, a proposal and a decision."""
    patient = make_patient(clinic, given_name="Ada", phone="+49 30 1234567")
    course = make_course(patient)
    make_cycle(course)
    make_course(
        patient,
        kind=TherapyKind.SURGERY,
        regimen="Lumpectomy",
        end_date=date(2024, 1, 10),
        stop_reason="COMPLETED",
    )
    prior, current = make_pair(patient)
    signed = make_recommendation(
        prior=prior,
        current=current,
        current_prediction=make_prediction(current, category="4"),
        prior_prediction=make_prediction(prior, abstained=True, category="5"),
    )
    make_decision(signed, signed_by=doctor, choice=Proposal.REFER)
    right = make_mammogram(patient, laterality="R", view="MLO", exam=current.exam)
    make_recommendation(
        current=right,
        current_prediction=make_prediction(
            right, assessable=False, category="", probabilities={}, reasons=["blank"]
        ),
    )
    for revision in (1, 2):
        Finding.objects.create(
            clinic=clinic,
            patient=patient,
            mammogram=current,
            lesion=1,
            revision=revision,
            shape="IRREGULAR",
            assessment="4",
            age=54,
            recorded_by=doctor,
        )
    return patient


def all_of(session, kind: str, query: str = "") -> list[dict]:
    answer = session.get(f"{BASE}/{kind}?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/fhir+json"
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def model_of(kind: str):
    return getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)


def validated(document: dict):
    return model_of(document["resourceType"]).model_validate(document)


@pytest.mark.parametrize("kind", KINDS)
def test_P12_I8_every_resource_is_valid_alone_and_in_a_bundle(program, record, kind):
    bundle = program.get(f"{BASE}/{kind}").json()

    assert len(validated(bundle).entry) >= 1
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert validated(resource).id == resource["id"]
        assert program.get(f"{BASE}/{kind}/{resource['id']}").json() == resource


def test_R12_I8_the_audit_trail_is_valid_and_for_administrators_only(
    clinic, program, doctor, record
):
    program.get(f"{BASE}/Patient/{record.pk}")
    reads()
    administrator = session_of(make_user(Role.ADMIN, clinics=[clinic]))

    refused = [session.get(f"{BASE}/AuditEvent") for session in (program, session_of(doctor))]
    found = all_of(administrator, "AuditEvent", f"patient={record.pk}")

    assert [each.status_code for each in refused] == [403, 403]
    for event in found:
        assert validated(event).id == event["id"]
        assert administrator.get(f"{BASE}/AuditEvent/{event['id']}").json() == event
    profile = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
    of_read = next(each for each in found if each["meta"].get("profile") == [profile])
    assert of_read["entity"][0]["what"] == {"reference": f"Patient/{record.pk}"}
    assert reads()[-1].detail["view"] == "fhir:audit-event"
    assert administrator.get(f"{BASE}/Patient").status_code == 403


def test_I8_category_4_is_the_code_of_the_breast_radiology_guide(program, record):
    by_category = {
        resource["valueCodeableConcept"]["text"]: resource["valueCodeableConcept"]["coding"]
        for resource in all_of(program, "Observation")
        if resource.get("valueCodeableConcept", {}).get("text", "").startswith("BI-RADS")
    }

    assert ("http://snomed.info/sct", "397144001") in {
        (coding["system"], coding["code"]) for coding in by_category["BI-RADS 4"]
    }
    assert set(by_category) == {"BI-RADS 4"}  # the model that abstained gives none


def test_I8_every_finding_says_which_breast(program, record):
    found = all_of(program, "Observation")

    sides = [resource["bodySite"]["coding"][0]["code"] for resource in found]
    assert len(found) == 5
    assert set(sides) == {"80248007", "73056007"}


def test_I8_what_a_computer_found_is_preliminary_and_nobodys(program, record, doctor):
    observations = all_of(program, "Observation")
    by_computer = [each for each in observations if "device" in each]
    by_doctor = [each for each in observations if "performer" in each]

    assert (len(by_computer), len(by_doctor)) == (4, 1)
    for each in by_computer:
        assert each["status"] == "preliminary"
        assert each["contained"][0]["version"][0]["value"] in ("model-test", "ssim-test")
        assert "performer" not in each
    assert by_doctor[0]["status"] == "amended"  # the revision that holds, and not the first
    assert by_doctor[0]["performer"][0]["display"] == doctor.full_name


def test_I8_a_report_is_preliminary_until_a_doctor_signs(program, record, doctor):
    reports = {each["status"]: each for each in all_of(program, "DiagnosticReport")}

    assert set(reports) == {"final", "preliminary"}
    assert reports["final"]["resultsInterpreter"][0]["display"] == doctor.full_name
    assert reports["final"]["conclusion"] == "Decided: Refer for further work-up."
    assert "conclusionCode" not in reports["final"]
    assert "resultsInterpreter" not in reports["preliminary"]
    assert reports["preliminary"]["conclusion"].startswith("Proposed by rules, not signed")
    assert len(reports["final"]["imagingStudy"]) == 2


@pytest.mark.parametrize(
    ("status", "published"), [("AWAITING_SECOND", "preliminary"), ("SUPERSEDED", "cancelled")]
)
def test_I8_one_signature_of_two_makes_no_final_report(program, record, status, published):
    Recommendation.objects.filter(signature_count=1).update(status=status)

    (report,) = [
        each for each in all_of(program, "DiagnosticReport") if len(each["imagingStudy"]) > 1
    ]

    assert report["status"] == published
    assert "resultsInterpreter" not in report
    assert validated(report)


def test_I8_a_referral_that_is_in_force_is_a_request_of_its_signer(program, record, doctor):
    report = Recommendation.objects.get(signature_count=1)
    (request,) = all_of(program, "ServiceRequest")

    assert request["requester"]["display"] == doctor.full_name
    assert request["supportingInfo"] == [{"reference": f"DiagnosticReport/{report.pk}"}]
    assert (request["status"], request["intent"]) == ("active", "order")
    make_decision(report, version=2, signed_by=doctor, choice=Proposal.CONTINUE_CHEMOTHERAPY)
    assert all_of(program, "ServiceRequest") == []


def test_I8_an_unsigned_referral_is_no_request(program, record):
    Recommendation.objects.update(status="AWAITING_SECOND")

    assert all_of(program, "ServiceRequest") == []


def test_I8_provenance_names_model_weights_and_signer(program, record, doctor):
    found = all_of(program, "Provenance")
    of_models = [each for each in found if "contained" in each]
    (of_signature,) = [each for each in found if "contained" not in each]

    assert {each["contained"][0]["version"][0]["value"] for each in of_models} == {"model-test"}
    assert of_models[0]["agent"][0]["who"] == {"reference": "#device"}
    assert len(of_models[0]["contained"][0]["version"][1]["value"]) == 64
    assert of_signature["agent"][0]["who"]["display"] == doctor.full_name


def test_therapy_is_procedures_and_administrations(program, record):
    procedures = {each["code"]["text"]: each for each in all_of(program, "Procedure")}
    (given,) = all_of(program, "MedicationAdministration")

    assert procedures["AC-T"]["status"] == "in-progress"
    assert procedures["Lumpectomy"]["status"] == "completed"
    assert procedures["AC-T"]["code"]["coding"][0]["code"] == "367336001"
    assert given["partOf"] == [{"reference": f"Procedure/{procedures['AC-T']['id']}"}]


def test_capabilities_are_valid(program):
    statement = validated(program.get(f"{BASE}/metadata").json())

    assert statement.fhirVersion == "4.0.1"
    assert {each.type for each in statement.rest[0].resource} >= set(KINDS)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("identifier=mrn-77", 1),
        ("identifier=urn:x|MRN-77", 1),
        ("identifier=MRN-78", 0),
        ("family=oka", 1),
        ("family=oka&given=bob", 0),
        ("birthdate=1970-05-17", 1),
        ("birthdate=ge1980-01-01", 0),
        ("_lastUpdated=ge2020-01-01", 1),
        ("_lastUpdated=lt2020-01-01T00:00:00Z", 0),
    ],
)
def test_patients_are_searched_by_get_and_by_post(program, clinic, query, found):
    patient = make_patient(clinic, medical_record_number="MRN-77", given_name="Ada")

    by_get = all_of(program, "Patient", query)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    by_post = program.post(f"{BASE}/Patient/_search", data=query, headers=form).json()

    assert [each["id"] for each in by_get] == [str(patient.pk)] * found
    assert [each["resource"]["id"] for each in by_post.get("entry", [])] == [
        str(patient.pk)
    ] * found
    assert all(query not in link["url"] for link in by_post["link"])
    if found:
        assert reads()[-1].detail["view"] == "fhir:search"


def test_results_of_one_patient_are_found(program, clinic, record):
    make_recommendation(current=make_mammogram(make_patient(clinic)))

    assert len(all_of(program, "Observation", f"patient={record.pk}")) == 5
    assert len(all_of(program, "Observation", f"subject=Patient/{record.pk}")) == 5
    assert len(all_of(program, "Observation")) == 6


def test_pages_lose_and_repeat_nothing_while_rows_are_added(program, clinic):
    pairs = [make_pair(make_patient(clinic)) for _ in range(3)]
    wanted = [str(make_prediction(picture).pk) for pair in pairs for picture in pair]
    wanted += [str(make_comparison(prior=a, current=b).pk) for a, b in pairs]
    found, address = [], f"{BASE}/Observation?_count=2"
    while address:
        page = program.get(address).json()
        found += [entry["resource"]["id"] for entry in page["entry"]]
        make_patient(clinic)
        address = next((e["url"] for e in page["link"] if e["relation"] == "next"), None)

    assert found == wanted


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Patient/not-a-uuid", 404, "not_found"),
        ("Patient/00000000-0000-4000-8000-000000000000", 404, "not_found"),
        ("Appointment", 404, "not_found"),
        ("Appointment/1", 404, "not_found"),
        ("Patient?phone=1", 400, "invalid_search"),
        ("Patient?birthdate=1970-02-31", 400, "invalid_search"),
        ("Patient?_count=0", 400, "invalid_search"),
        ("Patient?_cursor=x", 400, "invalid_search"),
        ("Observation?patient=x", 400, "invalid_search"),
        ("$export/forged/Patient.ndjson", 404, "not_found"),
        ("$export?_type=Appointment", 404, "not_found"),
        ("$export?_since=yesterday", 400, "invalid_search"),
    ],
)
def test_I6_errors_are_operation_outcomes(program, path, status, code):
    answer = program.get(f"{BASE}/{path}")

    outcome = validated(answer.json())
    assert (answer.status_code, outcome.issue[0].details.text) == (status, code)


def test_nobody_signed_in_gets_an_outcome(program):
    answer = program.get(f"{BASE}/Patient", headers={"Authorization": ""})

    assert answer.status_code == 401
    assert validated(answer.json()).issue[0].code == "login"


def test_nothing_is_written_through_it(program, record):
    for method in ("put", "patch", "delete", "post"):
        assert getattr(program, method)(f"{BASE}/Patient/{record.pk}").status_code == 405


def test_Z03_another_clinic_finds_nothing(record):
    stranger = session_of(make_user(Role.INTEGRATOR, clinics=[make_clinic()]))

    for kind in KINDS:
        assert all_of(stranger, kind) == []
    assert stranger.get(f"{BASE}/Patient/{record.pk}").status_code == 404


def test_a_receptionist_reads_patients_and_no_results(clinic, record):
    receptionist = session_of(make_user(Role.RECEPTIONIST, clinics=[clinic]))

    assert len(all_of(receptionist, "Patient")) == 1
    assert receptionist.get(f"{BASE}/Observation").status_code == 403


def test_I8_bulk_export_is_kicked_off_asked_for_and_fetched(program, record):
    started = program.get(f"{BASE}/$export")
    status = program.get(started.headers["Content-Location"])

    assert started.status_code == 202
    assert status.status_code == 200
    output = {each["type"]: each["url"] for each in status.json()["output"]}
    assert set(output) == set(KINDS)
    for kind, address in output.items():
        answer = program.get(address)
        lines = answer.content.splitlines()
        assert answer.headers["Content-Type"] == "application/fhir+ndjson"
        assert [validated(json.loads(line)).id for line in lines] == [
            each["id"] for each in all_of(program, kind)
        ]
    make_patient(record.clinic)  # after the export was asked for
    assert len(program.get(output["Patient"]).content.splitlines()) == 1


def test_R10_a_bulk_export_leaves_a_trace_of_everybody(program, record):
    started = program.get(f"{BASE}/$export?_type=Observation")
    (output,) = program.get(started.headers["Content-Location"]).json()["output"]

    program.get(output["url"])

    assert (reads()[-1].detail["view"], reads()[-1].patient_id) == ("fhir:export-file", record.pk)


def test_I8_a_bulk_export_takes_no_more_memory_for_a_longer_record(clinic):
    _, key = make_token(make_user(Role.INTEGRATOR, clinics=[clinic]))
    program, peaks = Client(headers={"Authorization": f"Bearer {key}"}), []
    for added in (600, 2400):
        register_many(clinic, added)
        started = program.get("/fhir/R4/$export?_type=Patient")
        output = program.get(started.headers["Content-Location"]).json()["output"]
        answer = program.get(output[0]["url"])
        tracemalloc.start()
        lines = sum(chunk.count(b"\n") for chunk in answer.streaming_content)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert lines == Patient.objects.count()

    assert lines == 3000
    assert peaks[1] < 1.2 * peaks[0]


def register_many(clinic, count):
    patients = []
    for number in range(count):
        patient = Patient(
            clinic=clinic,
            medical_record_number=f"BULK-{count}-{number}",
            family_name="Phantom",
            given_name=f"Bulk {number}",
            birth_date=date(1970, 5, 17),
            sex="F",
        )
        patient.derive_keys()
        patients.append(patient)
    Patient.objects.bulk_create(patients)


def test_an_export_is_its_users_own(program, clinic, record):
    address = program.get(f"{BASE}/$export").headers["Content-Location"]
    other = session_of(make_user(Role.INTEGRATOR, clinics=[clinic]))

    assert other.get(address).status_code == 404
    assert urlsplit(address).query == ""
    assert program.delete(address).status_code == 202


def names_in(answer, mode: str) -> set[str]:
    """Type and id of what a bundle found, or added."""
    assert answer.status_code == 200
    document = answer.json()
    model_of("Bundle").model_validate(document)
    return {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in document["entry"]
        if entry["search"]["mode"] == mode
    }


def test_P12_includes_add_what_reports_and_studies_refer_to(program, record):
    report = Recommendation.objects.order_by("created_at").first()
    address = f"{BASE}/DiagnosticReport?_id={report.pk}"

    alone = program.get(address)
    whole = program.get(
        f"{address}&_include=DiagnosticReport:result&_include=DiagnosticReport:patient"
        "&_revinclude=Provenance:target"
    )
    studies = program.get(f"{BASE}/ImagingStudy?_include=ImagingStudy:patient")

    assert names_in(alone, "include") == set()
    assert names_in(whole, "match") == {f"DiagnosticReport/{report.pk}"}
    results = (report.current_prediction_id, report.prior_prediction_id, report.comparison_id)
    assert names_in(whole, "include") == {
        f"Patient/{report.patient_id}",
        *(f"Observation/{key}" for key in results),
        f"Provenance/{report.decisions.get().pk}",
    }
    assert names_in(studies, "include") == {f"Patient/{report.patient_id}"}


def test_Z03_an_include_adds_nothing_the_caller_may_not_ask_for(clinic, record):
    user = make_user(Role.INTEGRATOR, clinics=[clinic])
    _, key = make_token(user, scopes=[Scope.PATIENTS_READ, Scope.SCANS_READ])
    bearer = {"Authorization": f"Bearer {key}"}
    stranger = session_of(make_user(Role.INTEGRATOR, clinics=[make_clinic()]))
    radiologists = f"{BASE}/Observation?_include=Observation:patient"

    studies = Client().get("/fhir/R4/ImagingStudy?_include=ImagingStudy:patient", headers=bearer)
    _, without = make_token(user, scopes=[Scope.PATIENTS_READ, Scope.RECOMMENDATIONS_READ])
    refused = Client().get(
        "/fhir/R4/Observation?_include=Observation:derived-from",
        headers={"Authorization": f"Bearer {without}"},
    )

    assert names_in(studies, "include") == {f"Patient/{record.pk}"}
    assert (refused.status_code, outcome_of(refused)) == (403, "insufficient_scope")
    assert "entry" not in stranger.get(radiologists).json()


@pytest.mark.parametrize(
    "asked", ["_include=Patient:link", "_include=*", "_revinclude=Observation:patient"]
)
def test_an_include_that_is_not_offered_is_refused(program, record, asked):
    refused = program.get(f"{BASE}/Patient?{asked}")

    assert (refused.status_code, outcome_of(refused)) == (400, "invalid_search")


def outcome_of(answer) -> str:
    return answer.json()["issue"][0]["details"]["text"]
