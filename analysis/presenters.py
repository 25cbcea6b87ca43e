"""How machine findings read on a page: words, percentages and the lengths of bars.

Nothing here decides anything; a code that has no words yet is shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any

from analysis.choices import OWN_CASES, Proposal
from analysis.lesion_presenters import Place, ProbabilityBar, places, probability_bar
from analysis.models import (
    AnalysisJob,
    BreastPrediction,
    Comparison,
    Countersignature,
    Decision,
    Finding,
    Prediction,
    Recommendation,
    SimilarCases,
)
from analysis.selectors import Lesion, shown_cases
from ml_models.categories import combine_with_pathology
from ml_models.similar.reference import reference_set
from patients.models import Patient
from patients.presenters import age_at_exam, interval
from patients.selectors import place_in_therapy
from scans.models import Mammogram

CATEGORIES = {
    "2": "Benign",
    "3": "Probably benign",
    "4": "Suspicious",
    "5": "Highly suggestive of malignancy",
    "6": "Known, proven malignancy",
}
PROVEN = "6"
BY_APPEARANCE = "Evidence: the appearance of this one picture, without the patient's record."
VERDICTS = {
    "regression": "Regression",
    "progression": "Progression",
    "no_detectable_change": "No detectable change",
    "changed_direction_unclear": "Changed, direction unclear",
    "not_comparable": "Not comparable",
}
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
PROPOSAL_ICONS = {
    Proposal.CONTINUE_CHEMOTHERAPY: "continue",
    Proposal.SHIFT_TO_NORMAL_MEDICATION: "shift",
    Proposal.REFER: "refer",
    Proposal.NOT_ASSESSABLE: "slash",
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
INPUTS = {
    "ssim": "SSIM",
    "smallest_before_mm": "Smallest before (mm)",
    "diameter_mm": "Longest diameter (mm)",
    "baseline_mm": "Baseline (mm)",
    "threshold_mm": "Threshold (mm)",
    "threshold_share": "Threshold (share)",
    "size_category": "Size category, RECIST-like",
    "on_chemotherapy": "On chemotherapy",
    "malignancy_proven": "Malignancy proven",
}
NOT_ESTIMATED = {
    "malignancy_proven": "Malignancy is proven: there is nothing to estimate.",
    "not_trained_on_men": "The model knows no men, so it gives no estimate.",
}
NO_SIMILAR = {
    "reference_of_other_model": "The reference set was made with another model than is active.",
    "no_reference_of_this_view": "The reference set holds no picture of this breast and view.",
    "not_assessable": "The picture cannot be assessed, so nothing is like it.",
}
DESCRIPTORS = ("shape", "margin", "density", "assessment")
HISTOGRAM_BARS = 64
HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT = 256, 160


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
class Figure:
    label: str
    value: str


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


@dataclass(frozen=True)
class BreastFinding:
    side: str
    category: str
    meaning: str
    possible: str
    suspicious: str
    seen: str


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


@dataclass(frozen=True)
class TracedRule:
    id: str
    statement: str
    fired: bool
    decides: bool
    outcome: str
    inputs: list[Figure]


@dataclass(frozen=True)
class Amended:
    """What one version of a decision changed."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class SignedVersion:
    decision: Decision
    countersignature: Countersignature | None
    changes: list[Amended]


@dataclass(frozen=True)
class HistogramBar:
    x: float
    y: float
    width: float
    height: float


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
    return REASONS.get(code) or ERRORS.get(code) or _spelled(code) + "."


def picture_finding(
    prediction: Prediction | None, *, malignancy_proven: bool
) -> PictureFinding | None:
    if prediction is None:
        return None
    appearance = "" if prediction.abstained else prediction.category
    by_record = malignancy_proven and prediction.assessable
    category = PROVEN if by_record else appearance
    probabilities = combine_with_pathology(
        prediction.probabilities, malignant_pathology=malignancy_proven
    )
    return PictureFinding(
        assessable=prediction.assessable,
        reasons=[in_words(code) for code in prediction.reasons],
        abstained=not category,
        category=category,
        meaning=CATEGORIES.get(category, ""),
        possible=", ".join(prediction.prediction_set),
        suspicious=percent(prediction.suspicious_probability),
        bars=[
            ClassBar(
                category=name,
                meaning=CATEGORIES[name],
                width=round(100 * probabilities[name], 1),
                percent=percent(probabilities[name]),
                is_suggested=name == category,
            )
            for name in CATEGORIES
            if name in probabilities
        ],
        evidence=_evidence(appearance) if by_record else BY_APPEARANCE,
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
    reads = f"category {appearance}" if appearance else "no category"
    return (
        "Evidence: the record. Pathology proves cancer of this breast, which is category 6 "
        f"whatever a picture shows. By its appearance alone the model gives it {reads}."
    )


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
        verdict=VERDICTS.get(comparison.verdict, _spelled(comparison.verdict)),
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


def lesions(described: Iterable[Lesion]) -> list[DescribedMass]:
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


def breast_finding(breast: BreastPrediction | None) -> BreastFinding | None:
    """What all pictures of the breast say together; nothing where there is no more than one."""
    if breast is None:
        return None
    seen = f"{breast.pictures} picture{'s' * (breast.pictures > 1)} of it"
    if breast.pictures_beside:
        seen += f" and {breast.pictures_beside} of the other"
    return BreastFinding(
        side=breast.get_laterality_display(),
        category="" if breast.abstained else breast.category,
        meaning="" if breast.abstained else CATEGORIES.get(breast.category, ""),
        possible=", ".join(breast.prediction_set),
        suspicious=percent(breast.suspicious_probability),
        seen=seen,
    )


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
        reason=NO_SIMILAR.get(found.reason) or (in_words(found.reason) if found.reason else ""),
        cases=[
            SimilarPicture(
                case=case["case"],
                has_picture=case["picture"],
                is_own=case["dataset"] == OWN_CASES,
                position=f"{case['laterality']} {case['view']}",
                birads=case["birads"] or "not known",
                pathology=case["pathology"] or "not known",
                source=f"{case['dataset']}, {case['licence']}",
                distance=number(case["distance"]),
                ssim=_ssim_of(case),
            )
            for case in cases
        ],
        worth=_worth(found),
        versions=f"{found.search_version}, features of {found.model_version}",
        reference_sha256=found.reference_sha256,
    )


def _ssim_of(case: dict[str, Any]) -> str:
    if case["ssim"] is None:
        at_hand = case["picture"] or case["dataset"] == OWN_CASES
        return "outlines differ" if at_hand else "no picture here"
    return number(case["ssim"])


def _worth(found: SimilarCases) -> str:
    """What the set's neighbours told of malignancy when it was made; of another set, nothing."""
    reference = reference_set()
    if reference.sha256 != found.reference_sha256:
        return ""
    measured = reference.worth
    value, low, high = measured["auc"]
    floor, ceiling = measured["chance"]
    return (
        f"Within the reference set, the {measured['neighbours']} pictures most like one told its "
        f"malignancy with an AUC of {value:.2f} (95 % {low:.2f} to {high:.2f}, "
        f"{measured['pictures']} pictures); by chance it lies between {floor:.2f} and "
        f"{ceiling:.2f}."
    )


def traced_rules(trace: Iterable[dict[str, Any]]) -> list[TracedRule]:
    return [
        TracedRule(
            id=entry["rule"],
            statement=entry["statement"],
            fired=entry["fired"],
            decides=entry.get("decides", False),
            outcome=proposal_label(entry["outcome"]),
            inputs=[
                Figure(INPUTS.get(name, _spelled(name)), _value(value))
                for name, value in entry["inputs"].items()
            ],
        )
        for entry in trace
    ]


def signed_versions(decisions: Sequence[Decision]) -> list[SignedVersion]:
    """The versions of a decision, newest first, each with what it changed."""
    return [
        SignedVersion(
            decision, getattr(decision, "countersignature", None), _amended(former, decision)
        )
        for decision, former in zip_longest(decisions, decisions[1:])
    ]


def _amended(former: Decision | None, decision: Decision) -> list[Amended]:
    if former is None:
        return []
    told = [
        ("Decision", proposal_label(former.choice), proposal_label(decision.choice)),
        ("Reason", former.reason or "none given", decision.reason),
        ("Signed by", former.signed_by.full_name, decision.signed_by.full_name),
    ]
    return [Amended(*change) for change in told if change[1] != change[2]]


def proposal_label(code: str) -> str:
    return str(Proposal(code).label) if code in Proposal.values else _spelled(code)


def proposal_icon(recommendation: Recommendation) -> str:
    return PROPOSAL_ICONS[Proposal(recommendation.proposal)]


@dataclass(frozen=True)
class Moment:
    """When a picture was taken, in the terms of the patient's life and therapy."""

    when: str
    age: str
    place: str


def moments(job: AnalysisJob) -> list[Moment]:
    """Of the prior and the current picture."""
    return [
        moment_of(job.patient, mammogram.exam_date, when)
        for mammogram, when in ((job.prior, "Prior"), (job.current, "Current"))
        if mammogram
    ]


def moment_of(patient: Patient, day: date, when: str = "") -> Moment:
    place = place_in_therapy(patient.pk, day)
    return Moment(when, age_at_exam(patient, day), place.label if place else "")


def interval_between(prior: Mammogram | None, current: Mammogram) -> str:
    return interval((current.exam_date - prior.exam_date).days) if prior else ""


def histogram_bars(counts: Sequence[int]) -> list[HistogramBar]:
    """256 counts as 64 bars; black, mostly air around the breast, is cut to the others' height."""
    if not counts:
        return []
    step = len(counts) // HISTOGRAM_BARS
    sums = [sum(counts[start : start + step]) for start in range(0, step * HISTOGRAM_BARS, step)]
    tallest = max(sums[1:]) or 1
    width = HISTOGRAM_WIDTH / HISTOGRAM_BARS
    heights = [round(HISTOGRAM_HEIGHT * min(total / tallest, 1), 1) for total in sums]
    return [
        HistogramBar(round(i * width, 2), HISTOGRAM_HEIGHT - height, width - 1, height)
        for i, height in enumerate(heights)
    ]


def _figures(values: dict[str, Any]) -> list[Figure]:
    return [
        Figure(FIGURES.get(name, _spelled(name)), number(value))
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


def _value(value: object) -> str:
    """An input or threshold of a rule."""
    match value:
        case None | []:
            text = "none"
        case bool():
            text = "yes" if value else "no"
        case float():
            text = "> 0.999" if 0.9995 <= value < 1 else f"{round(value, 3):g}"
        case list():
            text = ", ".join(_value(each).rstrip(".") for each in value)
        case str():
            text = VERDICTS.get(value) or REASONS.get(value) or value.replace("_", " ")
        case _:
            text = str(value)
    return text


def _spelled(code: str) -> str:
    return code.replace("_", " ").capitalize()
