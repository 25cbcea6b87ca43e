"""How a comparison of two pictures reads on a page."""

from dataclasses import dataclass
from typing import Any

from analysis.models import Comparison
from analysis.presenters.places import Place, places
from analysis.presenters.probability import ProbabilityBar, probability_bar
from analysis.presenters.words import (
    VERDICTS,
    Figure,
    in_words,
    number,
    percent,
    percent_range,
    spelled,
)

EXPLAINED = {  # by the verdict, and whether a lesion was marked
    ("regression", True): "Of the marked lesion: less of it than re-positioning explains. The rest "
    "of the breast is not judged by it.",
    ("progression", True): "Of the marked lesion: more of it than re-positioning explains.",
    (
        "no_detectable_change",
        True,
    ): "At the mark nothing differs more than re-positioning explains. "
    "No detectable change is not no lesion.",
    ("no_detectable_change", False): "No detectable change is not no lesion: without a mark, most "
    "changes of a single mass stay below what re-positioning does.",
    ("changed_direction_unclear", True): "The marked place changed, but density and size do not "
    "agree on a direction.",
    ("changed_direction_unclear", False): "The pictures differ more than re-positioning explains. "
    "Similarity has no sign and no lesion is marked, so no direction is claimed.",
}
PROBABILITY_OF = {
    True: "Probability that the marked lesion changed, at even odds",
    False: "Probability that a mass changed, at even odds",
}
PROBABILITY_OF_A_CATEGORY = "Probability that the BI-RADS category changed"
VERDICT_ICONS = {
    "regression": "arrow-down",
    "progression": "arrow-up",
    "no_detectable_change": "equals",
    "changed_direction_unclear": "diamond",
    "not_comparable": "slash",
}
FIGURES = {
    "affine_correlation": "Correlation, affine step",
    "correlation": "Correlation after alignment",
    "dice": "Agreement of outlines (Dice)",
    "overlap": "Share of the breast covered",
    "folded_share": "Share turned inside out",
    "log_jacobian_sd": "Spread of local area change",
    "mean_shift_mm": "Mean shift (mm)",
    "luminance": "Luminance part of the SSIM",
    "contrast": "Contrast part of the SSIM",
    "structure": "Structure part of the SSIM",
    "multiscale_ssim": "SSIM over all scales (MS-SSIM)",
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
    return Change(
        comparable=comparison.comparable,
        reasons=[
            in_words(code)
            for code in (comparison.reason, measured.get("reason"))
            if code and code != "not_attempted"
        ],
        verdict=VERDICTS.get(comparison.verdict, spelled(comparison.verdict)),
        explained=EXPLAINED.get((comparison.verdict, marked), ""),
        icon=VERDICT_ICONS.get(comparison.verdict, "diamond"),
        probability_of=PROBABILITY_OF_A_CATEGORY if low is None else PROBABILITY_OF[marked],
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
        Figure(FIGURES.get(name, spelled(name)), number(value))
        for name, value in values.items()
        if isinstance(value, float | int) and not isinstance(value, bool)
    ]


def _by_scale(parts: dict[str, Any]) -> list[Figure]:
    return [
        Figure(f"SSIM at {each['mm']:.1f} mm", number(each["ssim"]))
        for each in parts.get("ssim_by_scale", [])
    ]


def _calcifications(lesion: dict[str, Any] | None) -> list[Figure]:
    """Bright specks at the mark on both films; None where the film's scale is unknown."""
    found = [(when, (lesion or {}).get(f"{when}_calcifications")) for when in ("prior", "current")]
    return [
        Figure(
            f"Bright specks at the mark, {when}",
            f"{specks['count']}"
            + (f", over {specks['extent_mm']:.0f} mm" if specks["count"] > 1 else ""),
        )
        for when, specks in found
        if specks
    ]
