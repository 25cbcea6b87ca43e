"""How codes, probabilities and scores of the machine read: words, percentages, decimals.

A code that has no words yet is shown as it is.
"""

from dataclasses import dataclass

from analysis.choices import Proposal

CATEGORIES = {
    "2": "Benign",
    "3": "Probably benign",
    "4": "Suspicious",
    "5": "Highly suggestive of malignancy",
    "6": "Known, proven malignancy",
}
VERDICTS = {
    "regression": "Regression",
    "progression": "Progression",
    "no_detectable_change": "No detectable change",
    "changed_direction_unclear": "Changed, direction unclear",
    "not_comparable": "Not comparable",
}
REASONS = {
    "blank": "The picture is blank.",
    "no_breast": "No breast stands out in the picture.",
    "not_a_mammogram": "The picture does not look like a mammogram.",
    "unfamiliar": "The picture is unlike the mammograms the model learnt from.",
    "low_contrast": "There is too little contrast inside the breast.",
    "blurred": "The picture is blurred, as by a movement of the breast.",
    "saturated": "Too much of the breast is overexposed.",
    "cut": "The breast runs out of the picture on the side away from the chest wall.",
    "registration_failed": "The prior could not be laid on the current picture.",
    "same_image": "Prior and current are the same picture.",
    "poor_correlation": "Tissue patterns of the two pictures do not lie on each other.",
    "poor_outline": "The outlines of the breast do not agree after alignment.",
    "poor_overlap": "The two pictures share too little of the breast.",
    "folded": "Aligning them would turn tissue inside out.",
    "prior_not_assessable": "The prior picture cannot be assessed.",
    "current_not_assessable": "The current picture cannot be assessed.",
    "laterality_mismatch": "The pictures show different breasts.",
    "view_mismatch": "The pictures are different views.",
    "mark_outside_breast": "The mark lies outside the breast.",
    "scale_mismatch": "The breast is not of one size on the two pictures: a scale may be wrong.",
}
ERRORS = {
    "gave_up": "The analysis was tried three times and did not finish.",
    "no_active_model": "No model is active on this server.",
    "several_active_models": "More than one model is active on this server.",
    "hash_mismatch": "The model's weights are not those that were released.",
    "weights_missing": "The model's weights are missing on this server.",
    "too_small": "The picture is too small to be measured.",
}


@dataclass(frozen=True)
class Figure:
    label: str
    value: str


def percent(value: float | None) -> str:
    """A probability in whole percent; the ends are never rounded to certainty."""
    if value is None:
        return "not measured"
    if 0 < value < 0.01:
        return "< 1 %"
    if 0.99 < value < 1:
        return "> 99 %"
    return f"{value:.0%}".replace("%", " %")


def percent_range(low: float | None, high: float | None) -> str:
    """Both ends; one alone where both read the same."""
    ends = dict.fromkeys((percent(low), percent(high)))
    return " to ".join(ends)


def number(value: float | None) -> str:
    """A score with three decimals; what is nearly 1 is not rounded to identity."""
    if value is None:
        return "not measured"
    return "> 0.999" if 0.9995 <= value < 1 else f"{value:.3f}"


def in_words(code: str) -> str:
    """The sentence of a reason; a code without one is spelled out."""
    return REASONS.get(code) or ERRORS.get(code) or spelled(code) + "."


def proposal_label(code: str) -> str:
    return str(Proposal(code).label) if code in Proposal.values else spelled(code)


def spelled(code: str) -> str:
    return code.replace("_", " ").capitalize()
