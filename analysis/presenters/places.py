"""Places to look at beside a marked lesion; they drive no verdict."""

from dataclasses import dataclass
from math import hypot
from typing import Any

from django.utils.translation import gettext as _

from analysis.models import Comparison


@dataclass(frozen=True)
class Place:
    number: int
    text: str


def places(comparison: Comparison | None) -> list[Place]:
    """Places to look at, in words; they drive no verdict."""
    if comparison is None:
        return []
    return [
        Place(number, _("denser than before") if place["gain"] else _("less dense than before"))
        for number, place in enumerate(beside_the_lesion(comparison), start=1)
    ]


def beside_the_lesion(comparison: Comparison) -> list[dict[str, Any]]:
    """The places that do not lie in the marked lesion, which is looked at anyway."""
    if not comparison.lesion:
        return list(comparison.attention)
    lesion = comparison.lesion["current_mark"]
    return [
        place
        for place in comparison.attention
        if hypot(place["x"] - lesion["x"], place["y"] - lesion["y"]) > lesion["radius"]
    ]
