"""How a proposal and the rules that were tried for it read on a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analysis.choices import Proposal
from analysis.models import Recommendation
from analysis.presenters.words import REASONS, VERDICTS, Figure, proposal_label, spelled

PROPOSAL_ICONS = {
    Proposal.CONTINUE_CHEMOTHERAPY: "continue",
    Proposal.SHIFT_TO_NORMAL_MEDICATION: "shift",
    Proposal.REFER: "refer",
    Proposal.NOT_ASSESSABLE: "slash",
}
INPUTS = {
    "ssim": "SSIM",
    "smallest_before_mm": "Smallest before (mm)",
    "diameter_mm": "Longest diameter (mm)",
    "baseline_mm": "Baseline (mm)",
    "threshold_mm": "Threshold (mm)",
    "threshold_share": "Threshold (share)",
    "size_category": "Size category, RECIST-like",
    "on_chemotherapy": "On chemotherapy",
    "malignancy_proven": "Malignancy proven",
}


@dataclass(frozen=True)
class TracedRule:
    id: str
    statement: str
    fired: bool
    decides: bool
    outcome: str
    inputs: list[Figure]


def traced_rules(trace: Iterable[dict[str, Any]]) -> list[TracedRule]:
    return [
        TracedRule(
            id=entry["rule"],
            statement=entry["statement"],
            fired=entry["fired"],
            decides=entry.get("decides", False),
            outcome=proposal_label(entry["outcome"]),
            inputs=[
                Figure(INPUTS.get(name, spelled(name)), _value(value))
                for name, value in entry["inputs"].items()
            ],
        )
        for entry in trace
    ]


def proposal_icon(recommendation: Recommendation) -> str:
    return PROPOSAL_ICONS[Proposal(recommendation.proposal)]


def _value(value: object) -> str:
    """An input or threshold of a rule."""
    match value:
        case None | []:
            text = "none"
        case bool():
            text = "yes" if value else "no"
        case float():
            text = "> 0.999" if 0.9995 <= value < 1 else f"{round(value, 3):g}"
        case list():
            text = ", ".join(_value(each).rstrip(".") for each in value)
        case str():
            text = VERDICTS.get(value) or REASONS.get(value) or value.replace("_", " ")
        case _:
            text = str(value)
    return text
