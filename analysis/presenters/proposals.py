"""How a proposal and the rules that were tried for it read on a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.choices import Proposal
from analysis.models import Recommendation
from analysis.presenters.words import REASONS, VERDICTS, Figure, number, proposal_label, spelled

PROPOSAL_ICONS = {
    Proposal.CONTINUE_CHEMOTHERAPY: "continue",
    Proposal.SHIFT_TO_NORMAL_MEDICATION: "shift",
    Proposal.REFER: "refer",
    Proposal.NOT_ASSESSABLE: "slash",
}
NOT_ASSESSABLE = {  # by the rule that says so: what it is that cannot be assessed
    "IMAGE-1": gettext_noop("Picture not assessable"),
    "CHANGE-1": gettext_noop("Change not assessable"),
    "THERAPY-1": gettext_noop("No chemotherapy to assess"),
}
INPUTS = {
    "ssim": gettext_noop("SSIM"),
    "smallest_before_mm": gettext_noop("Smallest before (mm)"),
    "diameter_mm": gettext_noop("Longest diameter (mm)"),
    "baseline_mm": gettext_noop("Baseline (mm)"),
    "threshold_mm": gettext_noop("Threshold (mm)"),
    "threshold_share": gettext_noop("Threshold (share)"),
    "size_category": gettext_noop("Size category, RECIST-like"),
    "on_chemotherapy": gettext_noop("On chemotherapy"),
    "malignancy_proven": gettext_noop("Malignancy proven"),
    "assessable": gettext_noop("Assessable"),
    "reasons": gettext_noop("Reasons"),
    "reason": gettext_noop("Reason"),
    "comparable": gettext_noop("Comparable"),
    "suspicious_probability": gettext_noop("Suspicious probability"),
    "change_probability": gettext_noop("Change probability"),
    "threshold": gettext_noop("Threshold"),
    "prior_category": gettext_noop("Prior category"),
    "current_category": gettext_noop("Current category"),
    "highest_benign_category": gettext_noop("Highest benign category"),
    "verdict": gettext_noop("Verdict"),
    "lesion_marked": gettext_noop("Lesion marked"),
    "cycles_given": gettext_noop("Cycles given"),
    "cycles_planned": gettext_noop("Cycles planned"),
    "therapy_record": gettext_noop("Therapy record"),
}
VALUES = {  # that are no codes of a finding
    "read": gettext_noop("read"),
    "none read, chemotherapy assumed": gettext_noop("none read, chemotherapy assumed"),
    "no record read": gettext_noop("no record read"),
    "no_prior": gettext_noop("no prior"),
    "new_lesion": gettext_noop("new lesion"),
    "increase": gettext_noop("increase"),
    "partial_decrease": gettext_noop("partial decrease"),
    "steady": gettext_noop("steady"),
    "no_longer_measurable": gettext_noop("no longer measurable"),
    "not_classified": gettext_noop("not classified"),
    "baseline": gettext_noop("baseline"),
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
            statement=statement_of(entry),
            fired=entry["fired"],
            decides=entry.get("decides", False),
            outcome=proposal_label(entry["outcome"]),
            inputs=[
                Figure(_(INPUTS.get(name, spelled(name))), _value(value))
                for name, value in entry["inputs"].items()
            ],
        )
        for entry in trace
    ]


def statement_of(entry: dict[str, Any]) -> str:
    """What the rule says; it is kept in English and shown in the reader's language."""
    kept: str = entry["statement"]
    return _(kept)


def proposal_in_words(recommendation: Recommendation) -> str:
    if recommendation.proposal == Proposal.NOT_ASSESSABLE:
        words = NOT_ASSESSABLE.get(recommendation.deciding_rule)
        if words:
            return _(words)
    return proposal_label(recommendation.proposal)


def proposal_icon(recommendation: Recommendation) -> str:
    return PROPOSAL_ICONS[Proposal(recommendation.proposal)]


def _value(value: object) -> str:
    """An input or threshold of a rule."""
    match value:
        case None | []:
            text = _("none")
        case bool():
            text = _("yes") if value else _("no")
        case float():
            text = number(value) if 0.9995 <= value < 1 else number_format(f"{round(value, 3):g}")
        case list():
            text = ", ".join(_value(each).rstrip(".") for each in value)
        case str():
            words = VERDICTS.get(value) or REASONS.get(value) or VALUES.get(value)
            text = _(words) if words else value.replace("_", " ")
        case _:
            text = str(value)
    return text
