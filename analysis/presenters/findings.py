"""How the masses a doctor described read on a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.models import Finding
from analysis.presenters.words import Figure, in_words, percent, percent_range
from analysis.selectors import Lesion

NOT_ESTIMATED = {
    "malignancy_proven": gettext_noop("Malignancy is proven: there is nothing to estimate."),
    "not_trained_on_men": gettext_noop("The model knows no men, so it gives no estimate."),
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
            Figure(_("Shape"), finding.get_shape_display() or _("not described")),
            Figure(_("Margin"), finding.get_margin_display() or _("not described")),
            Figure(_("Density"), finding.get_density_display() or _("not described")),
            Figure(_("BI-RADS category"), finding.get_assessment_display() or _("not given")),
            Figure(_("Age at the exam"), _("%(count)s years") % {"count": finding.age}),
        ],
        estimate=percent(finding.malignancy_probability) if estimated else "",
        interval=(
            percent_range(finding.probability_low, finding.probability_high) if estimated else ""
        ),
        rests_on=(
            _("description, age and category")
            if finding.uses_assessment
            else _("description and age")
        ),
        not_estimated=_(NOT_ESTIMATED[finding.not_estimated])
        if finding.not_estimated in NOT_ESTIMATED
        else in_words(finding.not_estimated)
        if finding.not_estimated
        else "",
        superseded=[_described_mass(number, earlier, ()) for earlier in superseded],
    )
