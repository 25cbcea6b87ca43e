"""The rules that turn findings into a proposal. A person decides; the rules only propose.

Every rule is tried and listed with its inputs and thresholds, whether it fired or not, so
that a reader can follow how the proposal came about. The first rule that fires decides.

Similarity has no sign: a low score says that two pictures differ, not which way. So no rule
proposes a shift to normal medication because of a low score, and a direction counts only where it
was measured at a lesion that a doctor marked.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from analysis.choices import Proposal
from analysis.size_category import INCREASE_MM, INCREASE_SHARE, SizeCategory, SizedDate

RULES_VERSION = "rules-3"
NOTHING_TO_COMPARE = "CHANGE-1"
NEW_LESION = "LESION-1"
DIRECTIONS = ("regression", "progression")
CURRENT, PRIOR, COMPARISON = "current_prediction", "prior_prediction", "comparison"
RECORD = "record"


@dataclass(frozen=True)
class Thresholds:
    suspicious: float = 0.50  # calibrated probability of BI-RADS 4 or higher
    benign: float = 0.20
    benign_category: int = 2
    biopsy_category: int = 4


THRESHOLDS = Thresholds()


@dataclass(frozen=True, kw_only=True)
class ImageFinding:
    """What the classifier said about one picture."""

    assessable: bool
    reasons: tuple[str, ...]
    category: int | None  # None when it abstained
    suspicious_probability: float | None


@dataclass(frozen=True, kw_only=True)
class ChangeFinding:
    """What the comparison said about the pair; ``size`` is that of the marked lesion over time."""

    comparable: bool
    reason: str | None
    verdict: str
    ssim: float | None
    change_probability: float | None
    lesion_marked: bool
    size: SizedDate | None


@dataclass(frozen=True, kw_only=True)
class ClinicalRecord:
    """The patient's therapy and pathology on the day of the current exam."""

    on_chemotherapy: bool
    cycles_given: int
    cycles_planned: int | None
    malignancy_proven: bool

    @property
    def cycles_complete(self) -> bool:
        return self.cycles_planned is not None and self.cycles_given >= self.cycles_planned


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that the rules see. ``record`` is None where no patient record is read."""

    current: ImageFinding
    prior: ImageFinding | None
    change: ChangeFinding | None
    record: ClinicalRecord | None


@dataclass(frozen=True)
class Rule:
    id: str
    statement: str
    outcome: Proposal
    fires: Callable[[Evidence], bool]
    inputs: Callable[[Evidence], dict[str, Any]]
    rests_on: tuple[str, ...]  # the rows its inputs are read from


@dataclass(frozen=True)
class Outcome:
    proposal: Proposal
    deciding_rule: str
    rules_version: str
    trace: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _suspicious(finding: ImageFinding | None) -> float:
    return (finding and finding.suspicious_probability) or 0.0


def _category(finding: ImageFinding | None) -> int | None:
    return finding.category if finding else None


def _is_benign(finding: ImageFinding | None) -> bool:
    category = _category(finding)
    return (
        category is not None
        and category <= THRESHOLDS.benign_category
        and _suspicious(finding) <= THRESHOLDS.benign
    )


def _verdict(evidence: Evidence) -> str | None:
    """The verdict; a direction that no marked lesion stands behind is not taken for one."""
    change = evidence.change
    if change is None:
        return None
    if change.verdict in DIRECTIONS and not change.lesion_marked:
        return "changed_direction_unclear"
    return change.verdict


def _size(evidence: Evidence) -> SizedDate | None:
    return evidence.change.size if evidence.change else None


def _has_size_category(category: SizeCategory) -> Callable[[Evidence], bool]:
    def holds(evidence: Evidence) -> bool:
        size = _size(evidence)
        return size is not None and size.category is category

    return holds


def _size_inputs(evidence: Evidence) -> dict[str, Any]:
    size = _size(evidence)
    return {
        "size_category": size.category.value if size else None,
        "diameter_mm": size.size.diameter_mm if size else None,
        "baseline_mm": size.baseline_mm if size else None,
        "smallest_before_mm": size.nadir_mm if size else None,
        "threshold_share": INCREASE_SHARE,
        "threshold_mm": INCREASE_MM,
    }


def _category_rises_to_biopsy(evidence: Evidence) -> bool:
    before, after = _category(evidence.prior), _category(evidence.current)
    if before is None or after is None:
        return False
    return before < THRESHOLDS.biopsy_category <= after


def _is_new_suspicion(evidence: Evidence) -> bool:
    known = evidence.record is not None and evidence.record.malignancy_proven
    return not known and _suspicious(evidence.current) >= THRESHOLDS.suspicious


def _may_shift(evidence: Evidence) -> bool:
    record = evidence.record
    if record is None or not (record.on_chemotherapy and record.cycles_complete):
        return False
    if not _is_benign(evidence.current):
        return False
    if _verdict(evidence) == "no_detectable_change":
        return _is_benign(evidence.prior)  # unchanged says nothing if there was something to see
    return _verdict(evidence) == "regression"


RULES: tuple[Rule, ...] = (
    Rule(
        NEW_LESION,
        "A doctor marked a lesion on the current picture that was not there before: progression, "
        "whatever the computer sees (size category, RECIST-like).",
        Proposal.REFER,
        _has_size_category(SizeCategory.NEW_LESION),
        lambda e: {"size_category": size.category.value if (size := _size(e)) else None},
        (COMPARISON,),
    ),
    Rule(
        "IMAGE-1",
        "The current picture cannot be assessed: repeat it or read it without the computer.",
        Proposal.NOT_ASSESSABLE,
        lambda e: not e.current.assessable,
        lambda e: {"assessable": e.current.assessable, "reasons": list(e.current.reasons)},
        (CURRENT,),
    ),
    Rule(
        "SUSPICION-1",
        "The current picture looks suspicious and no cancer of this breast is on record.",
        Proposal.REFER,
        _is_new_suspicion,
        lambda e: {
            "suspicious_probability": e.current.suspicious_probability,
            "threshold": THRESHOLDS.suspicious,
            "malignancy_proven": e.record.malignancy_proven if e.record else None,
        },
        (CURRENT, RECORD),
    ),
    Rule(
        "SUSPICION-2",
        "The category rises from below 4 to 4 or above.",
        Proposal.REFER,
        _category_rises_to_biopsy,
        lambda e: {
            "prior_category": _category(e.prior),
            "current_category": _category(e.current),
            "threshold": THRESHOLDS.biopsy_category,
        },
        (PRIOR, CURRENT),
    ),
    Rule(
        NOTHING_TO_COMPARE,
        "There is no comparable earlier picture of this breast and view.",
        Proposal.NOT_ASSESSABLE,
        lambda e: e.change is None or not e.change.comparable,
        lambda e: {
            "comparable": bool(e.change and e.change.comparable),
            "reason": e.change.reason if e.change else "no_prior",
        },
        (COMPARISON,),
    ),
    Rule(
        "CHANGE-2",
        "The marked lesion shows progression.",
        Proposal.REFER,
        lambda e: _verdict(e) == "progression",
        lambda e: {
            "verdict": _verdict(e),
            "lesion_marked": bool(e.change and e.change.lesion_marked),
            "change_probability": e.change.change_probability if e.change else None,
        },
        (COMPARISON,),
    ),
    Rule(
        "SIZE-1",
        "The marked lesion is larger than it was at its smallest, by a fifth and by 5 mm or more "
        "(size category, RECIST-like).",
        Proposal.REFER,
        _has_size_category(SizeCategory.INCREASE),
        _size_inputs,
        (COMPARISON,),
    ),
    Rule(
        "CHANGE-3",
        "The pictures differ more than repositioning explains and nothing measured tells which "
        "way: confirm by examination, ultrasound or MRI before anything is changed.",
        Proposal.REFER,
        lambda e: _verdict(e) == "changed_direction_unclear",
        lambda e: {
            "verdict": _verdict(e),
            "ssim": e.change.ssim if e.change else None,
            "change_probability": e.change.change_probability if e.change else None,
        },
        (COMPARISON,),
    ),
    Rule(
        "THERAPY-1",
        "No chemotherapy is running on the day of the exam: there is none to continue or to end.",
        Proposal.NOT_ASSESSABLE,
        lambda e: e.record is not None and not e.record.on_chemotherapy,
        lambda e: {"on_chemotherapy": e.record.on_chemotherapy if e.record else "no record read"},
        (RECORD,),
    ),
    Rule(
        "THERAPY-2",
        "All planned cycles are given and the picture is benign, as before or after regression of "
        "the marked lesion: candidate for normal medication, to be confirmed by another modality.",
        Proposal.SHIFT_TO_NORMAL_MEDICATION,
        _may_shift,
        lambda e: {
            "cycles_given": e.record.cycles_given if e.record else None,
            "cycles_planned": e.record.cycles_planned if e.record else None,
            "prior_category": _category(e.prior),
            "current_category": _category(e.current),
            "highest_benign_category": THRESHOLDS.benign_category,
            "suspicious_probability": e.current.suspicious_probability,
            "threshold": THRESHOLDS.benign,
            "verdict": _verdict(e),
            "lesion_marked": bool(e.change and e.change.lesion_marked),
        },
        (PRIOR, CURRENT, COMPARISON, RECORD),
    ),
    Rule(
        "THERAPY-3",
        "Nothing above applies: the therapy goes on as planned.",
        Proposal.CONTINUE_CHEMOTHERAPY,
        lambda e: True,
        lambda e: {"therapy_record": "read" if e.record else "none read, chemotherapy assumed"},
        (RECORD,),
    ),
)


def propose(evidence: Evidence) -> Outcome:
    """Try every rule; the first that fires gives the proposal, the last always fires."""
    trace = [
        {
            "rule": rule.id,
            "statement": rule.statement,
            "inputs": rule.inputs(evidence),
            "fired": rule.fires(evidence),
            "outcome": rule.outcome.value,
            "rests_on": list(rule.rests_on),
        }
        for rule in RULES
    ]
    deciding = next(entry for entry in trace if entry["fired"])
    deciding["decides"] = True
    return Outcome(Proposal(str(deciding["outcome"])), str(deciding["rule"]), RULES_VERSION, trace)
