"""How codes, probabilities and scores of the machine read: words, percentages, decimals.

A code that has no words yet is shown as it is.
"""

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.choices import Proposal

CATEGORIES = {
    "2": gettext_noop("Benign"),
    "3": gettext_noop("Probably benign"),
    "4": gettext_noop("Suspicious"),
    "5": gettext_noop("Highly suggestive of malignancy"),
    "6": gettext_noop("Known, proven malignancy"),
}
VERDICTS = {
    "regression": gettext_noop("Regression"),
    "progression": gettext_noop("Progression"),
    "no_detectable_change": gettext_noop("No detectable change"),
    "changed_direction_unclear": gettext_noop("Changed, direction unclear"),
    "not_comparable": gettext_noop("Not comparable"),
}
REASONS = {
    "blank": gettext_noop("The picture is blank."),
    "no_breast": gettext_noop("No breast stands out in the picture."),
    "not_a_mammogram": gettext_noop("The picture does not look like a mammogram."),
    "unfamiliar": gettext_noop("The picture is unlike the mammograms the model learnt from."),
    "low_contrast": gettext_noop("There is too little contrast inside the breast."),
    "blurred": gettext_noop("The picture is blurred, as by a movement of the breast."),
    "saturated": gettext_noop("Too much of the breast is overexposed."),
    "cut": gettext_noop("The breast runs out of the picture on the side away from the chest wall."),
    "registration_failed": gettext_noop("The prior could not be laid on the current picture."),
    "same_image": gettext_noop("Prior and current are the same picture."),
    "poor_correlation": gettext_noop(
        "Tissue patterns of the two pictures do not lie on each other."
    ),
    "poor_outline": gettext_noop("The outlines of the breast do not agree after alignment."),
    "poor_overlap": gettext_noop("The two pictures share too little of the breast."),
    "folded": gettext_noop("Aligning them would turn tissue inside out."),
    "prior_not_assessable": gettext_noop("The prior picture cannot be assessed."),
    "current_not_assessable": gettext_noop("The current picture cannot be assessed."),
    "laterality_mismatch": gettext_noop("The pictures show different breasts."),
    "view_mismatch": gettext_noop("The pictures are different views."),
    "mark_outside_breast": gettext_noop("The mark lies outside the breast."),
    "scale_mismatch": gettext_noop(
        "The breast is not of one size on the two pictures: a scale may be wrong."
    ),
}
ERRORS = {
    "gave_up": gettext_noop("The analysis was tried three times and did not finish."),
    "no_active_model": gettext_noop("No model is active on this server."),
    "several_active_models": gettext_noop("More than one model is active on this server."),
    "hash_mismatch": gettext_noop("The model's weights are not those that were released."),
    "weights_missing": gettext_noop("The model's weights are missing on this server."),
    "too_small": gettext_noop("The picture is too small to be measured."),
}


@dataclass(frozen=True)
class Figure:
    label: str
    value: str


def percent(value: float | None) -> str:
    """A probability in whole percent; the ends are never rounded to certainty."""
    if value is None:
        return _("not measured")
    if 0 < value < 0.01:
        return "< 1 %"
    if 0.99 < value < 1:
        return "> 99 %"
    return f"{value:.0%}".replace("%", " %")


def percent_range(low: float | None, high: float | None) -> str:
    """Both ends; one alone where both read the same."""
    ends = {"low": percent(low), "high": percent(high)}
    return ends["low"] if ends["low"] == ends["high"] else _("%(low)s to %(high)s") % ends


def number(value: float | None) -> str:
    """A score with three decimals; what is nearly 1 is not rounded to identity."""
    if value is None:
        return _("not measured")
    return f"> {decimal(0.999, 3)}" if 0.9995 <= value < 1 else decimal(value, 3)


def decimal(value: float, places: int) -> str:
    """As the reader's language writes it."""
    return number_format(f"{value:.{places}f}")


def in_words(code: str) -> str:
    """The sentence of a reason; a code without one is spelled out."""
    sentence = REASONS.get(code) or ERRORS.get(code)
    return _(sentence) if sentence else f"{spelled(code)}."


def category_meaning(category: str) -> str:
    return _(CATEGORIES[category]) if category in CATEGORIES else ""


def verdict_label(code: str) -> str:
    return _(VERDICTS[code]) if code in VERDICTS else spelled(code)


def proposal_label(code: str) -> str:
    return str(Proposal(code).label) if code in Proposal.values else spelled(code)


def spelled(code: str) -> str:
    return code.replace("_", " ").capitalize()
