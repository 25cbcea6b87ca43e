"""What doctors saw and signed: ``final``, by name."""

from analysis.choices import MassDensity, MassMargin, MassShape, Proposal, RecommendationStatus
from analysis.fhir import codes
from analysis.fhir.codes import Json, breast, coding, concept, own
from analysis.fhir.resources.elements import (
    agent_type,
    day,
    device,
    filled,
    imaging_category,
    instant,
    practitioner,
    reference,
    resource,
    subject,
)
from analysis.models import Decision, Finding, Recommendation

SIGNED = (RecommendationStatus.ACCEPTED, RecommendationStatus.OVERRIDDEN)


def finding(row: Finding) -> Json:
    """A mass in a doctor's words."""
    words = {
        "shape": row.shape and MassShape(row.shape).label,
        "margin": row.margin and MassMargin(row.margin).label,
        "density": row.density and MassDensity(row.density).label,
    }
    return resource("Observation", row) | filled(
        status="final" if row.revision == 1 else "amended",
        category=[imaging_category()],
        code=concept(coding(codes.SCT, "129793001", "Mammography finding of breast mass")),
        subject=subject(row),
        effectiveDateTime=day(row.mammogram.exam_date),
        issued=instant(row.created_at),
        performer=[practitioner(row.recorded_by)],
        bodySite=breast(row.mammogram.laterality),
        derivedFrom=[reference("ImagingStudy", row.mammogram.exam_id)],
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
    return resource("DiagnosticReport", row) | filled(
        contained=[device("rules", row.rules_version, None)],
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
        subject=subject(row),
        effectiveDateTime=day(row.current.exam_date),
        issued=instant(signed.signed_at if signed else row.created_at),
        resultsInterpreter=[practitioner(signed.signed_by)] if signed else None,
        result=[reference("Observation", key) for key in results if key],
        imagingStudy=[reference("ImagingStudy", picture.exam_id) for picture in pictures],
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
    return resource("ServiceRequest", row) | filled(
        status="active",
        intent="order",
        category=[concept(coding(codes.SCT, "306206005", "Referral to service"))],
        code=concept(
            coding(codes.SCT, "3457005", "Patient referral"), text=str(Proposal(row.choice).label)
        ),
        bodySite=[breast(row.recommendation.current.laterality)],
        subject=subject(row),
        authoredOn=instant(row.signed_at),
        requester=practitioner(row.signed_by),
        supportingInfo=[reference("DiagnosticReport", row.recommendation_id)],
    )


def provenance_of_decision(row: Decision) -> Json:
    """Who signed a report, and that a computer proposed it."""
    return resource("Provenance", row) | filled(
        target=[reference("DiagnosticReport", row.recommendation_id)],
        recorded=instant(row.signed_at),
        agent=[
            {"type": agent_type("author"), "who": practitioner(row.signed_by)},
            {
                "type": agent_type("assembler"),
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
