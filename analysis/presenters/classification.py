"""How the classifier's suggestions for a picture and a breast read on a page."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from analysis.models import BreastPrediction, Prediction
from analysis.presenters.words import CATEGORIES, category_meaning, in_words, percent
from ml_models.categories import combine_with_pathology

PROVEN = "6"
BY_APPEARANCE = gettext_noop(
    "Evidence: the appearance of this one picture, without the patient's record."
)


@dataclass(frozen=True)
class ClassBar:
    """One BI-RADS category with its probability, as a bar of 0 to 100 and as text."""

    category: str
    meaning: str
    width: float
    percent: str
    is_suggested: bool


@dataclass(frozen=True)
class PictureFinding:
    """What the classifier suggests for one picture."""

    assessable: bool
    reasons: list[str]
    abstained: bool
    category: str
    meaning: str
    possible: str
    suspicious: str
    evidence: str
    bars: list[ClassBar]
    lacks_pathology: bool
    has_heat_map: bool
    heat_outside: str
    model_version: str
    model_sha256: str
    preparation_version: str


@dataclass(frozen=True)
class BreastFinding:
    side: str
    category: str
    meaning: str
    possible: str
    suspicious: str
    seen: str


def category_of(prediction: Prediction, *, malignancy_proven: bool) -> str:
    """The BI-RADS category, or nothing: a cancer on record is 6, however the picture looks."""
    by_record = malignancy_proven and prediction.assessable
    return PROVEN if by_record else _appearance(prediction)


def _appearance(prediction: Prediction) -> str:
    return "" if prediction.abstained else prediction.category


def picture_finding(
    prediction: Prediction | None, *, malignancy_proven: bool
) -> PictureFinding | None:
    if prediction is None:
        return None
    appearance = _appearance(prediction)
    by_record = malignancy_proven and prediction.assessable
    category = category_of(prediction, malignancy_proven=malignancy_proven)
    probabilities = combine_with_pathology(
        prediction.probabilities, malignant_pathology=malignancy_proven
    )
    return PictureFinding(
        assessable=prediction.assessable,
        reasons=[in_words(code) for code in prediction.reasons],
        abstained=not category,
        category=category,
        meaning=category_meaning(category),
        possible=", ".join(prediction.prediction_set),
        suspicious=percent(prediction.suspicious_probability),
        bars=[
            ClassBar(
                category=name,
                meaning=category_meaning(name),
                width=round(100 * probabilities[name], 1),
                percent=percent(probabilities[name]),
                is_suggested=name == category,
            )
            for name in CATEGORIES
            if name in probabilities
        ],
        evidence=_evidence(appearance) if by_record else _(BY_APPEARANCE),
        lacks_pathology=appearance == PROVEN and not malignancy_proven,
        has_heat_map=bool(prediction.heat_map_key),
        heat_outside=(
            percent(prediction.heat_outside_share) if prediction.heat_plausible is False else ""
        ),
        model_version=prediction.model_version,
        model_sha256=prediction.model_sha256,
        preparation_version=prediction.preparation_version,
    )


def _evidence(appearance: str) -> str:
    proven = _(
        "Evidence: the record. Pathology proves cancer of this breast, which is category 6 "
        "whatever a picture shows."
    )
    if not appearance:
        reads = _("By its appearance alone the model gives it no category.")
        return f"{proven} {reads}"
    reads = _("By its appearance alone the model gives it category %(category)s.") % {
        "category": appearance
    }
    return f"{proven} {reads}"


def breast_finding(breast: BreastPrediction | None) -> BreastFinding | None:
    """What all pictures of the breast say together; nothing where there is no more than one."""
    if breast is None:
        return None
    seen = ngettext("%(number)s picture of it", "%(number)s pictures of it", breast.pictures) % {
        "number": breast.pictures
    }
    if breast.pictures_beside:
        seen += _(" and %(number)s of the other") % {"number": breast.pictures_beside}
    return BreastFinding(
        side=breast.get_laterality_display(),
        category="" if breast.abstained else breast.category,
        meaning="" if breast.abstained else category_meaning(breast.category),
        possible=", ".join(breast.prediction_set),
        suspicious=percent(breast.suspicious_probability),
        seen=seen,
    )
