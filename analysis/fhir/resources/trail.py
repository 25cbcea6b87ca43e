"""The audit trail."""

from analysis.fhir import codes
from analysis.fhir.codes import Json, coding, concept, own
from analysis.fhir.resources.elements import filled, instant, meta, reference, resource
from mammotrack.audit.models import Action, AuditEntry

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit"


def audit_event(row: AuditEntry) -> Json:
    """One entry of the trail (IHE BALP)."""
    read = row.action == Action.RECORD_READ
    code = "read" if read else "update"
    patients = row.detail.get("patients") or ([row.patient_id.hex] if row.patient_id else [])
    about = [
        {
            "what": reference("Patient", key),
            "type": _audit("audit-entity-type", "1", "Person"),
            "role": _audit("object-role", "1", "Patient"),
        }
        for key in patients
    ]
    return (
        resource("AuditEvent", row)
        | filled(
            type=_audit("audit-event-type", "rest", "Restful Operation"),
            subtype=[
                coding("http://hl7.org/fhir/restful-interaction", code),
                own("audit", row.action),
            ],
            action="R" if read else "U",
            recorded=instant(row.created_at),
            outcome="0",
            agent=[
                filled(
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
        | ({"meta": meta(row, profile=[f"{BALP}.PatientRead"])} if read and about else {})
    )


def _audit(name: str, code: str, display: str) -> Json:
    return coding(f"http://terminology.hl7.org/CodeSystem/{name}", code, display)
