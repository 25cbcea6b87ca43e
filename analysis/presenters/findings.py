"""How the masses a doctor described read on a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.models import Finding
from analysis.presenters.words import Figure, in_words, percent, percent_range
from analysis.selectors import Lesion

NOT_ESTIMATED = {
    "malignancy_proven": "Malignancy is proven: there is nothing to estimate.",
    "not_trained_on_men": "The model knows no men, so it gives no estimate.",
}
DESCRIPTORS = ("shape", "margin", "density", "assessment")


@dataclass(frozen=True)
class DescribedMass:
    """One lesion as a doctor describes it now, with what the attribute model makes of it."""

    number: int
    finding: Finding
    words: list[Figure]
    estimate: str
    interval: str
    rests_on: str
    not_estimated: str
    superseded: list[DescribedMass]


def described_masses(described: Iterable[Lesion]) -> list[DescribedMass]:
    return [_described_mass(each.number, each.current, each.superseded) for each in described]


def _described_mass(number: int, finding: Finding, superseded: Sequence[Finding]) -> DescribedMass:
    estimated = finding.malignancy_probability is not None
    return DescribedMass(
        number=number,
        finding=finding,
        words=[
            Figure("Shape", finding.get_shape_display() or "not described"),
            Figure("Margin", finding.get_margin_display() or "not described"),
            Figure("Density", finding.get_density_display() or "not described"),
            Figure("BI-RADS category", finding.get_assessment_display() or "not given"),
            Figure("Age at the exam", f"{finding.age} years"),
        ],
        estimate=percent(finding.malignancy_probability) if estimated else "",
        interval=(
            percent_range(finding.probability_low, finding.probability_high) if estimated else ""
        ),
        rests_on=(
            "description, age and category" if finding.uses_assessment else "description and age"
        ),
        not_estimated=NOT_ESTIMATED.get(finding.not_estimated) or in_words(finding.not_estimated)
        if finding.not_estimated
        else "",
        superseded=[_described_mass(number, earlier, ()) for earlier in superseded],
    )
