"""How a comparison of two pictures reads on a page."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.models import Comparison
from analysis.presenters.places import Place, places
from analysis.presenters.probability import ProbabilityBar, probability_bar
from analysis.presenters.words import (
    Figure,
    decimal,
    in_words,
    number,
    percent,
    percent_range,
    spelled,
    verdict_label,
)

EXPLAINED = {  # by the verdict, and whether a lesion was marked
    ("regression", True): gettext_noop(
        "Of the marked lesion: less of it than re-positioning explains. The rest "
        "of the breast is not judged by it."
    ),
    ("progression", True): gettext_noop(
        "Of the marked lesion: more of it than re-positioning explains."
    ),
    (
        "no_detectable_change",
        True,
    ): gettext_noop(
        "At the mark nothing differs more than re-positioning explains. "
        "No detectable change is not no lesion."
    ),
    ("no_detectable_change", False): gettext_noop(
        "No detectable change is not no lesion: without a mark, most "
        "changes of a single mass stay below what re-positioning does."
    ),
    ("changed_direction_unclear", True): gettext_noop(
        "The marked place changed, but density and size do not agree on a direction."
    ),
    ("changed_direction_unclear", False): gettext_noop(
        "The pictures differ more than re-positioning explains. "
        "Similarity has no sign and no lesion is marked, so no direction is claimed."
    ),
}
PROBABILITY_OF = {
    True: gettext_noop("Probability that the marked lesion changed, at even odds"),
    False: gettext_noop("Probability that a mass changed, at even odds"),
}
PROBABILITY_OF_A_CATEGORY = gettext_noop("Probability that the BI-RADS category changed")
VERDICT_ICONS = {
    "regression": "arrow-down",
    "progression": "arrow-up",
    "no_detectable_change": "equals",
    "changed_direction_unclear": "diamond",
    "not_comparable": "slash",
}
FIGURES = {
    "affine_correlation": gettext_noop("Correlation, affine step"),
    "correlation": gettext_noop("Correlation after alignment"),
    "dice": gettext_noop("Agreement of outlines (Dice)"),
    "overlap": gettext_noop("Share of the breast covered"),
    "folded_share": gettext_noop("Share turned inside out"),
    "log_jacobian_sd": gettext_noop("Spread of local area change"),
    "mean_shift_mm": gettext_noop("Mean shift (mm)"),
    "luminance": gettext_noop("Luminance part of the SSIM"),
    "contrast": gettext_noop("Contrast part of the SSIM"),
    "structure": gettext_noop("Structure part of the SSIM"),
    "multiscale_ssim": gettext_noop("SSIM over all scales (MS-SSIM)"),
}


@dataclass(frozen=True)
class Change:
    """What the comparison says about the pair."""

    comparable: bool
    reasons: list[str]
    verdict: str
    explained: str
    icon: str
    probability_of: str
    at_even_odds: bool
    probability: str
    interval: str
    bar: ProbabilityBar | None
    places: list[Place]
    ssim: str
    ssim_baseline: str
    parts: list[Figure]
    calcifications: list[Figure]
    registration_passed: bool
    figures: list[Figure]
    algorithm_version: str
    preparation_version: str


def change(comparison: Comparison | None) -> Change | None:
    if comparison is None:
        return None
    measured = comparison.registration
    marked = bool(comparison.lesion)
    low, high = comparison.change_probability_low, comparison.change_probability_high
    explained = EXPLAINED.get((comparison.verdict, marked))
    return Change(
        comparable=comparison.comparable,
        reasons=[
            in_words(code)
            for code in (comparison.reason, measured.get("reason"))
            if code and code != "not_attempted"
        ],
        verdict=verdict_label(comparison.verdict),
        explained=_(explained) if explained else "",
        icon=VERDICT_ICONS.get(comparison.verdict, "diamond"),
        probability_of=_(PROBABILITY_OF_A_CATEGORY if low is None else PROBABILITY_OF[marked]),
        at_even_odds=low is not None,
        probability=percent(comparison.change_probability),
        interval="" if low is None or high is None else percent_range(low, high),
        bar=probability_bar(comparison),
        places=places(comparison),
        ssim=number(comparison.ssim),
        ssim_baseline=number(comparison.ssim_baseline),
        parts=[*_figures(comparison.parts), *_by_scale(comparison.parts)],
        calcifications=_calcifications(comparison.lesion),
        registration_passed=bool(measured.get("passed")),
        figures=_figures(measured),
        algorithm_version=comparison.algorithm_version,
        preparation_version=comparison.preparation_version,
    )


def _figures(values: dict[str, Any]) -> list[Figure]:
    return [
        Figure(_(FIGURES.get(name, spelled(name))), number(value))
        for name, value in values.items()
        if isinstance(value, float | int) and not isinstance(value, bool)
    ]


def _by_scale(parts: dict[str, Any]) -> list[Figure]:
    return [
        Figure(_("SSIM at %(mm)s mm") % {"mm": decimal(each["mm"], 1)}, number(each["ssim"]))
        for each in parts.get("ssim_by_scale", [])
    ]


def _calcifications(lesion: dict[str, Any] | None) -> list[Figure]:
    """Bright specks at the mark on both films; None where the film's scale is unknown."""
    found = [(when, (lesion or {}).get(f"{when}_calcifications")) for when in ("prior", "current")]
    return [
        Figure(
            _("Bright specks at the mark, prior")
            if when == "prior"
            else _("Bright specks at the mark, current"),
            _specks(specks),
        )
        for when, specks in found
        if specks
    ]


def _specks(found: dict[str, Any]) -> str:
    if found["count"] <= 1:
        return str(found["count"])
    words = {"count": found["count"], "mm": f"{found['extent_mm']:.0f}"}
    return _("%(count)s, over %(mm)s mm") % words
