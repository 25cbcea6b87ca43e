"""One row of the record as one FHIR resource: plain dictionaries, nothing left empty.

What a computer found is ``preliminary``, names its device, and no person. What a doctor signed
is ``final`` and names the doctor. Every finding says which breast.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from analysis.choices import (
    MassDensity,
    MassMargin,
    MassShape,
    Proposal,
    RecommendationStatus,
)
from analysis.fhir import codes
from analysis.fhir.codes import Json, breast, coding, concept, own
from analysis.models import Comparison, Decision, Finding, Prediction, Recommendation
from mammotrack.accounts.models import User
from mammotrack.audit.models import Action, AuditEntry
from patients.choices import StopReason
from patients.models import Patient, TherapyCourse, TherapyCycle
from patients.partial_dates import PartialDate, Precision
from scans.models import Exam, Mammogram

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit"
SIGNED = (RecommendationStatus.ACCEPTED, RecommendationStatus.OVERRIDDEN)
_WRITTEN = {Precision.DAY: "%Y-%m-%d", Precision.MONTH: "%Y-%m", Precision.YEAR: "%Y"}


def patient(row: Patient) -> Json:
    number = {
        "use": "usual",
        "type": concept(coding(codes.V2_IDENTIFIER, "MR")),
        "system": f"urn:uuid:{row.clinic_id}",
        "value": row.medical_record_number,
    }
    return _resource("Patient", row, version=row.version) | _filled(
        identifier=[number],
        active=row.archived_at is None,
        name=[_filled(use="official", family=row.family_name, given=_listed(row.given_name))],
        telecom=[{"system": "phone", "value": row.phone}] if row.phone else None,
        gender=codes.GENDER[row.sex],  # type: ignore[index]  # a choice
        birthDate=_partial(row.born),
        deceasedDateTime=_day(row.deceased_date),
    )


def imaging_study(row: Exam) -> Json:
    pictures = list(row.mammograms.order_by("laterality", "view", "pk"))
    series: dict[str, list[Mammogram]] = {}
    for picture in pictures:
        series.setdefault(picture.series_uid, []).append(picture)
    accession = {
        "type": concept(coding(codes.V2_IDENTIFIER, "ACSN")),
        "value": row.accession_number,
    }
    return _resource("ImagingStudy", row) | _filled(
        identifier=[
            {"system": codes.DICOM_UID, "value": f"urn:oid:{row.study_instance_uid}"},
            *([accession] if row.accession_number else []),
        ],
        status="available",
        modality=[coding(codes.DCM, "MG", "Mammography")],
        subject=_of(row),
        started=_day(row.exam_date),
        numberOfSeries=len(series),
        numberOfInstances=len(pictures),
        series=[_series(uid, group) for uid, group in series.items()],
    )


def _series(uid: str, pictures: list[Mammogram]) -> Json:
    sides = {picture.laterality for picture in pictures}
    side = coding(codes.SCT, *codes.LATERALITY[sides.pop()]) if len(sides) == 1 else None
    return _filled(
        uid=uid,
        modality=coding(codes.DCM, "MG", "Mammography"),
        numberOfInstances=len(pictures),
        bodySite=coding(codes.SCT, "76752008", "Breast structure"),
        laterality=side,
        instance=[
            {
                "uid": picture.sop_instance_uid,
                "sopClass": coding("urn:ietf:rfc:3986", f"urn:oid:{picture.sop_class_uid}"),
                "title": str(picture.position),
            }
            for picture in pictures
        ],
    )


def prediction(row: Prediction) -> Json:
    """What a model version said about one picture."""
    probabilities = [
        {
            "code": concept(own("probability", f"birads-{name}", f"Probability of BI-RADS {name}")),
            "valueQuantity": _number(value),
        }
        for name, value in sorted(row.probabilities.items())
    ]
    suspicious = {
        "code": concept(own("probability", "birads-4-or-5", "Probability of BI-RADS 4 or above")),
        "valueQuantity": _number(row.suspicious_probability),
    }
    says = row.category and not row.abstained
    return _machine_observation(row, row.mammogram, f"{row.model_version}", row.model_sha256) | (
        _filled(
            code=concept(
                coding(codes.RADLEX_CDE, "RDE1586", "Assessment category"),
                text="BI-RADS category, by computer",
            ),
            derivedFrom=[_reference("ImagingStudy", row.mammogram.exam_id)],
            valueCodeableConcept=codes.birads(row.category) if says else None,
            dataAbsentReason=None
            if says
            else concept(
                coding(
                    "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                    "error" if not row.assessable else "unknown",
                ),
                text=", ".join(row.reasons) or "The model abstains.",
            ),
            component=[
                *probabilities,
                *([suspicious] if row.suspicious_probability is not None else []),
            ],
        )
    )


def comparison(row: Comparison) -> Json:
    """How much changed between two pictures of one breast and view."""
    scores = {
        "ssim": ("Structural similarity after registration", row.ssim),
        "ssim-baseline": ("Structural similarity without registration", row.ssim_baseline),
        "change-probability": ("Probability of change", row.change_probability),
    }
    return _machine_observation(row, row.current, row.algorithm_version, None) | _filled(
        code=concept(own("finding", "change-score", "Change since the prior mammogram")),
        derivedFrom=[
            _reference("ImagingStudy", row.prior.exam_id),
            _reference("ImagingStudy", row.current.exam_id),
        ],
        valueCodeableConcept=concept(
            own("verdict", row.verdict), text=row.verdict.replace("_", " ").capitalize()
        ),
        component=[
            {"code": concept(own("score", code, text)), "valueQuantity": _number(value)}
            for code, (text, value) in scores.items()
            if value is not None
        ],
    )


def finding(row: Finding) -> Json:
    """A mass in a doctor's words."""
    words = {
        "shape": row.shape and MassShape(row.shape).label,
        "margin": row.margin and MassMargin(row.margin).label,
        "density": row.density and MassDensity(row.density).label,
    }
    return _resource("Observation", row) | _filled(
        status="final" if row.revision == 1 else "amended",
        category=[_imaging()],
        code=concept(coding(codes.SCT, "129793001", "Mammography finding of breast mass")),
        subject=_of(row),
        effectiveDateTime=_day(row.mammogram.exam_date),
        issued=_instant(row.created_at),
        performer=[_person(row.recorded_by)],
        bodySite=breast(row.mammogram.laterality),
        derivedFrom=[_reference("ImagingStudy", row.mammogram.exam_id)],
        valueCodeableConcept=codes.birads(row.assessment) if row.assessment else None,
        component=[
            {"code": concept(own("mass", name)), "valueCodeableConcept": concept(text=str(text))}
            for name, text in words.items()
            if text
        ],
    )


def diagnostic_report(row: Recommendation) -> Json:
    """What the rules propose from the findings of one picture, and what was signed."""
    decisions = list(row.decisions.select_related("signed_by").order_by("-version"))
    signed = decisions[0] if decisions and row.status in SIGNED else None
    is_open = signed is None and row.status != RecommendationStatus.SUPERSEDED
    pictures = [picture for picture in (row.current, row.prior) if picture]
    results = [row.current_prediction_id, row.prior_prediction_id, row.comparison_id]
    category = row.current_prediction.category if not row.current_prediction.abstained else ""
    return _resource("DiagnosticReport", row) | _filled(
        contained=[_device("rules", row.rules_version, None)],
        extension=[
            {
                "url": "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo",
                "valueReference": {"reference": "#device"},
            }
        ],
        status=_report_status(row, signed),
        category=[concept(coding("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD"))],
        code=concept(
            coding(codes.LOINC, "24606-6", "MG Breast Screening"),
            text=f"Follow-up under therapy, {row.current.get_laterality_display().lower()} breast",
        ),
        subject=_of(row),
        effectiveDateTime=_day(row.current.exam_date),
        issued=_instant(signed.signed_at if signed else row.created_at),
        resultsInterpreter=[_person(signed.signed_by)] if signed else None,
        result=[_reference("Observation", key) for key in results if key],
        imagingStudy=[_reference("ImagingStudy", picture.exam_id) for picture in pictures],
        conclusion=_conclusion(row, signed),
        conclusionCode=[codes.birads(category)] if category and is_open else None,
    )


def _report_status(row: Recommendation, signed: Decision | None) -> str:
    if row.status == RecommendationStatus.SUPERSEDED:
        return "cancelled"
    if signed is None:
        return "preliminary"
    return "final" if signed.version == 1 else "amended"


def _conclusion(row: Recommendation, signed: Decision | None) -> str:
    if row.status == RecommendationStatus.SUPERSEDED:
        return "Never signed: a later proposal for the same pictures replaces it."
    if signed is None:
        return f"Proposed by rules, not signed: {Proposal(row.proposal).label}."
    return f"Decided: {Proposal(signed.choice).label}."


def service_request(row: Decision) -> Json:
    """The referral that a doctor signed; what the rules alone propose is no request."""
    return _resource("ServiceRequest", row) | _filled(
        status="active",
        intent="order",
        category=[concept(coding(codes.SCT, "306206005", "Referral to service"))],
        code=concept(
            coding(codes.SCT, "3457005", "Patient referral"), text=str(Proposal(row.choice).label)
        ),
        bodySite=[breast(row.recommendation.current.laterality)],
        subject=_of(row),
        authoredOn=_instant(row.signed_at),
        requester=_person(row.signed_by),
        supportingInfo=[_reference("DiagnosticReport", row.recommendation_id)],
    )


def procedure(row: TherapyCourse) -> Json:
    """A course of therapy."""
    known = codes.THERAPY.get(row.kind)  # type: ignore[call-overload]  # a choice
    code = [coding(codes.SCT, *known)] if known else []
    reason = row.get_stop_reason_display()
    stopped = row.stop_reason and row.stop_reason != StopReason.COMPLETED
    status = "in-progress" if not row.end_date else "stopped" if stopped else "completed"
    return _resource("Procedure", row, version=row.version) | _filled(
        status=status,
        statusReason=concept(text=reason) if reason else None,
        code=concept(*code, text=row.regimen),
        category=concept(text=row.get_kind_display()),
        subject=_of(row),
        performedPeriod=_period(row.start_date, row.end_date),
    )


def medication_administration(row: TherapyCycle) -> Json:
    """One cycle of a course that gives medicines."""
    return _resource("MedicationAdministration", row, version=row.version) | _filled(
        partOf=[_reference("Procedure", row.course_id)],
        status="completed",
        medicationCodeableConcept=concept(text=row.course.regimen),
        subject=_of(row),
        effectivePeriod=_period(row.given_date, row.last_date or row.given_date),
        dosage={"text": f"Cycle {row.number}, {row.dose_percent} % of the dose planned"},
    )


def provenance_of_decision(row: Decision) -> Json:
    """Who signed a report, and that a computer proposed it."""
    return _resource("Provenance", row) | _filled(
        target=[_reference("DiagnosticReport", row.recommendation_id)],
        recorded=_instant(row.signed_at),
        agent=[
            {"type": _agent("author"), "who": _person(row.signed_by)},
            {
                "type": _agent("assembler"),
                "who": {"display": f"MammoTrack rules {row.recommendation.rules_version}"},
            },
        ],
        entity=[
            {
                "role": "source",
                "what": {
                    "identifier": {
                        "system": f"{codes.OURS}/evidence-sha256",
                        "value": row.evidence_sha256,
                    }
                },
            }
        ],
    )


def provenance_of_prediction(row: Prediction) -> Json:
    """Which model, by which weights, made an observation of which file."""
    source = {"system": f"{codes.OURS}/file-sha256", "value": row.mammogram_sha256}
    return _resource("Provenance", row) | _filled(
        contained=[_device("birads-model", row.model_version, row.model_sha256)],
        target=[_reference("Observation", row.pk)],
        recorded=_instant(row.created_at),
        agent=[{"type": _agent("author"), "who": {"reference": "#device"}}],
        entity=[{"role": "source", "what": {"identifier": source}}],
    )


def audit_event(row: AuditEntry) -> Json:
    """One entry of the trail (IHE BALP)."""
    read = row.action == Action.RECORD_READ
    code = "read" if read else "update"
    patients = row.detail.get("patients") or ([row.patient_id.hex] if row.patient_id else [])
    about = [
        {
            "what": _reference("Patient", key),
            "type": _audit("audit-entity-type", "1", "Person"),
            "role": _audit("object-role", "1", "Patient"),
        }
        for key in patients
    ]
    return (
        _resource("AuditEvent", row)
        | _filled(
            type=_audit("audit-event-type", "rest", "Restful Operation"),
            subtype=[
                coding("http://hl7.org/fhir/restful-interaction", code),
                own("audit", row.action),
            ],
            action="R" if read else "U",
            recorded=_instant(row.created_at),
            outcome="0",
            agent=[
                _filled(
                    type=concept(coding(codes.DCM, "110153", "Source Role ID")),
                    who={"identifier": {"value": str(row.actor_id or "system")}},
                    role=[concept(text=row.role)] if row.role else None,
                    requestor=True,
                    network={"address": row.ip, "type": "2"} if row.ip else None,
                )
            ],
            source={
                "observer": {"display": "MammoTrack"},
                "type": [_audit("security-source-type", "4", "Application Server")],
            },
            entity=[
                *about,
                {
                    "what": {"identifier": {"value": f"{row.chain}/{row.seq}"}},
                    "type": _audit("audit-entity-type", "2", "System Object"),
                    "role": _audit("object-role", "13", "Security Resource"),
                },
            ],
        )
        | ({"meta": _meta(row, profile=[f"{BALP}.PatientRead"])} if read and about else {})
    )


# Parts ---------------------------------------------------------------------------------------


def _resource(kind: str, row: Any, *, version: int | None = None) -> Json:
    return {"resourceType": kind, "id": str(row.pk), "meta": _meta(row, version=version)}


def _meta(row: Any, *, version: int | None = None, profile: list[str] | None = None) -> Json:
    return _filled(
        versionId=str(version) if version else None,
        lastUpdated=_instant(row.created_at),
        profile=profile,
    )


def _machine_observation(
    row: Prediction | Comparison, picture: Mammogram, version: str, sha256: str | None
) -> Json:
    kind = "birads-model" if isinstance(row, Prediction) else "comparison"
    return _resource("Observation", row) | _filled(
        contained=[_device(kind, version, sha256)],
        status="preliminary",
        category=[_imaging()],
        subject=_of(row),
        effectiveDateTime=_day(picture.exam_date),
        issued=_instant(row.created_at),
        bodySite=breast(picture.laterality),
        device={"reference": "#device"},
    )


def _device(kind: str, version: str, sha256: str | None) -> Json:
    versions: list[Json] = [{"value": version}]
    if sha256:
        versions.append({"type": concept(text="SHA-256 of the weights"), "value": sha256})
    return {
        "resourceType": "Device",
        "id": "device",
        "deviceName": [{"name": f"MammoTrack {kind}", "type": "model-name"}],
        "type": concept(coding(codes.SCT, "706690007", "Software")),
        "version": versions,
    }


def _filled(**members: Any) -> Json:
    """Without what is empty: FHIR has no nulls and no empty lists."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def _reference(kind: str, key: Any) -> Json:
    return {"reference": f"{kind}/{_uuid(key)}"}


def _uuid(key: Any) -> str:
    return str(UUID(key)) if isinstance(key, str) else str(key)


def _of(row: Any) -> Json:
    return _reference("Patient", row.patient_id)


def _person(user: User) -> Json:
    """Who signed. People are no resource here: their id and their printed name stand for them."""
    return {
        "type": "Practitioner",
        "identifier": {"system": f"{codes.OURS}/user", "value": str(user.pk)},
        "display": user.full_name,
    }


def _imaging() -> Json:
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    return concept(coding(system, "imaging", "Imaging"))


def _agent(code: str) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return concept(coding(system, code))


def _audit(name: str, code: str, display: str) -> Json:
    return coding(f"http://terminology.hl7.org/CodeSystem/{name}", code, display)


def _number(value: float | None) -> Json:
    return {"value": value, "system": codes.UCUM, "code": "1", "unit": "1"}


def _period(first: date, last: date | None) -> Json:
    return _filled(start=_day(first), end=_day(last))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _partial(born: PartialDate) -> str:
    return born.first.strftime(_WRITTEN[Precision(born.precision)])


def _listed(name: str) -> list[str]:
    return [name] if name else []
