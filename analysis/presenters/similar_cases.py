"""How similar reference cases read on a page, and what they are worth."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analysis.choices import OWN_CASES
from analysis.models import SimilarCases
from analysis.presenters.words import decimal, in_words, number
from analysis.selectors import shown_cases
from ml_models.similar.reference import reference_set

PATHOLOGY = {"malignant": gettext_noop("malignant"), "benign": gettext_noop("benign")}
NO_SIMILAR = {
    "reference_of_other_model": gettext_noop(
        "The reference set was made with another model than is active."
    ),
    "no_reference_of_this_view": gettext_noop(
        "The reference set holds no picture of this breast and view."
    ),
    "not_assessable": gettext_noop("The picture cannot be assessed, so nothing is like it."),
}


@dataclass(frozen=True)
class SimilarPicture:
    case: str
    has_picture: bool
    is_own: bool
    position: str
    birads: str
    pathology: str
    source: str
    distance: str
    ssim: str


@dataclass(frozen=True)
class SimilarPictures:
    """The reference cases found for one picture, or why there are none."""

    reason: str
    cases: list[SimilarPicture]
    attributions: list[str]
    worth: str
    versions: str
    reference_sha256: str


def similar(found: SimilarCases | None) -> SimilarPictures | None:
    if found is None:
        return None
    cases = shown_cases(found)
    return SimilarPictures(
        attributions=sorted(
            {
                f"{c['dataset']}, {c['licence']}: {c['attribution']}"
                for c in cases
                if c["attribution"]
            }
        ),
        reason=_reason(found.reason),
        cases=[
            SimilarPicture(
                case=case["case"],
                has_picture=case["picture"],
                is_own=case["dataset"] == OWN_CASES,
                position=f"{case['laterality']} {case['view']}",
                birads=case["birads"] or _("not known"),
                pathology=_pathology(case["pathology"]),
                source=f"{_(case['dataset'])}, {case['licence']}",
                distance=number(case["distance"]),
                ssim=_ssim_of(case),
            )
            for case in cases
        ],
        worth=_worth(found),
        versions=_("%(search)s, features of %(model)s")
        % {"search": found.search_version, "model": found.model_version},
        reference_sha256=found.reference_sha256,
    )


def _pathology(told: str | None) -> str:
    known = PATHOLOGY.get(told or "")
    return _(known) if known else told or _("not known")


def _reason(code: str) -> str:
    if code in NO_SIMILAR:
        return _(NO_SIMILAR[code])
    return in_words(code) if code else ""


def _ssim_of(case: dict[str, Any]) -> str:
    if case["ssim"] is None:
        at_hand = case["picture"] or case["dataset"] == OWN_CASES
        return _("outlines differ") if at_hand else _("no picture here")
    return number(case["ssim"])


def _worth(found: SimilarCases) -> str:
    """What the set's neighbours told of malignancy when it was made; of another set, nothing."""
    reference = reference_set()
    if reference.sha256 != found.reference_sha256:
        return ""
    measured = reference.worth
    value, low, high = measured["auc"]
    floor, ceiling = measured["chance"]
    return _(
        "Within the reference set, the %(neighbours)s pictures most like one told its malignancy "
        "with an AUC of %(value)s (95 %% %(low)s to %(high)s, %(pictures)s pictures); by chance "
        "it lies between %(floor)s and %(ceiling)s."
    ) % {
        "neighbours": measured["neighbours"],
        "pictures": measured["pictures"],
        "value": decimal(value, 2),
        "low": decimal(low, 2),
        "high": decimal(high, 2),
        "floor": decimal(floor, 2),
        "ceiling": decimal(ceiling, 2),
    }
