"""What a computer found: ``preliminary``, from a device, by no person."""

from analysis.fhir import codes
from analysis.fhir.codes import Json, breast, coding, concept, own
from analysis.fhir.resources.elements import (
    agent_type,
    day,
    device,
    filled,
    imaging_category,
    instant,
    ratio,
    reference,
    resource,
    subject,
)
from analysis.models import Comparison, Prediction
from scans.models import Mammogram


def prediction(row: Prediction) -> Json:
    """What a model version said about one picture."""
    probabilities = [
        {
            "code": concept(own("probability", f"birads-{name}", f"Probability of BI-RADS {name}")),
            "valueQuantity": ratio(value),
        }
        for name, value in sorted(row.probabilities.items())
    ]
    suspicious = {
        "code": concept(own("probability", "birads-4-or-5", "Probability of BI-RADS 4 or above")),
        "valueQuantity": ratio(row.suspicious_probability),
    }
    says = row.category and not row.abstained
    return _machine_observation(row, row.mammogram, f"{row.model_version}", row.model_sha256) | (
        filled(
            code=concept(
                coding(codes.RADLEX_CDE, "RDE1586", "Assessment category"),
                text="BI-RADS category, by computer",
            ),
            derivedFrom=[reference("ImagingStudy", row.mammogram.exam_id)],
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
    return _machine_observation(row, row.current, row.algorithm_version, None) | filled(
        code=concept(own("finding", "change-score", "Change since the prior mammogram")),
        derivedFrom=[
            reference("ImagingStudy", row.prior.exam_id),
            reference("ImagingStudy", row.current.exam_id),
        ],
        valueCodeableConcept=concept(
            own("verdict", row.verdict), text=row.verdict.replace("_", " ").capitalize()
        ),
        component=[
            {"code": concept(own("score", code, text)), "valueQuantity": ratio(value)}
            for code, (text, value) in scores.items()
            if value is not None
        ],
    )


def _machine_observation(
    row: Prediction | Comparison, picture: Mammogram, version: str, sha256: str | None
) -> Json:
    kind = "birads-model" if isinstance(row, Prediction) else "comparison"
    return resource("Observation", row) | filled(
        contained=[device(kind, version, sha256)],
        status="preliminary",
        category=[imaging_category()],
        subject=subject(row),
        effectiveDateTime=day(picture.exam_date),
        issued=instant(row.created_at),
        bodySite=breast(picture.laterality),
        device={"reference": "#device"},
    )


def provenance_of_prediction(row: Prediction) -> Json:
    """Which model, by which weights, made an observation of which file."""
    source = {"system": f"{codes.OURS}/file-sha256", "value": row.mammogram_sha256}
    return resource("Provenance", row) | filled(
        contained=[device("birads-model", row.model_version, row.model_sha256)],
        target=[reference("Observation", row.pk)],
        recorded=instant(row.created_at),
        agent=[{"type": agent_type("author"), "who": {"reference": "#device"}}],
        entity=[{"role": "source", "what": {"identifier": source}}],
    )
